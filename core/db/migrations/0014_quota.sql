CREATE TABLE "media_sizes" (
	"instance_id" uuid PRIMARY KEY NOT NULL,
	"bytes" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "upload_days" (
	"user_id" uuid NOT NULL,
	"day" date NOT NULL,
	"uploads" integer NOT NULL,
	"bytes" bigint NOT NULL,
	CONSTRAINT "upload_days_user_id_day_pk" PRIMARY KEY("user_id","day")
);
--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "quotas" jsonb;--> statement-breakpoint
ALTER TABLE "media_sizes" ADD CONSTRAINT "media_sizes_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_days" ADD CONSTRAINT "upload_days_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "commands_waiting" ON "commands" USING btree ("instance_id") WHERE status = 'scheduled' and bulk_id is null;--> statement-breakpoint
CREATE FUNCTION stored_bytes(media jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN media->>'state' = 'stored' AND jsonb_typeof(media->'size') = 'number'
    THEN least(greatest((media->>'size')::numeric, 0), 1e12)::bigint ELSE 0 END
$$;--> statement-breakpoint
-- Files that are stored between this statement and the next ones are not counted.
INSERT INTO media_sizes (instance_id, bytes)
  SELECT instance_id, sum(stored_bytes(media)) FROM messages WHERE media IS NOT NULL GROUP BY 1;--> statement-breakpoint
-- Keeps `media_sizes`. A row is only added for a new message or file, because its instance exists then.
CREATE FUNCTION media_sizes_add() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  added bigint := stored_bytes(NEW.media) - CASE TG_OP WHEN 'UPDATE' THEN coalesce(stored_bytes(OLD.media), 0) ELSE 0 END;
BEGIN
  IF added <> 0 THEN
    INSERT INTO media_sizes (instance_id, bytes) VALUES (NEW.instance_id, added)
      ON CONFLICT (instance_id) DO UPDATE SET bytes = media_sizes.bytes + excluded.bytes;
  END IF;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE FUNCTION media_sizes_take() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE media_sizes SET bytes = bytes - stored_bytes(OLD.media) WHERE instance_id = OLD.instance_id;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER media_sizes_insert AFTER INSERT ON messages FOR EACH ROW
  WHEN (NEW.media IS NOT NULL) EXECUTE FUNCTION media_sizes_add();--> statement-breakpoint
CREATE TRIGGER media_sizes_update AFTER UPDATE OF media ON messages FOR EACH ROW
  WHEN (NEW.media IS NOT NULL) EXECUTE FUNCTION media_sizes_add();--> statement-breakpoint
CREATE TRIGGER media_sizes_delete AFTER DELETE ON messages FOR EACH ROW
  WHEN (OLD.media->>'state' = 'stored') EXECUTE FUNCTION media_sizes_take();
