CREATE TABLE "bulks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"instance_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"shard" integer NOT NULL,
	"status" text DEFAULT 'running' NOT NULL,
	"per_minute" integer NOT NULL,
	"total" integer NOT NULL,
	"rejected" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"start_at" timestamp with time zone NOT NULL,
	"released_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "contacts" (
	"instance_id" uuid NOT NULL,
	"jid" text NOT NULL,
	"lid" text,
	"is_group" boolean DEFAULT false NOT NULL,
	"name" text,
	"push_name" text,
	"business_name" text,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "contacts_instance_id_jid_pk" PRIMARY KEY("instance_id","jid")
);
--> statement-breakpoint
CREATE TABLE "unknown_numbers" (
	"instance_id" uuid NOT NULL,
	"jid" text NOT NULL,
	"checked_at" timestamp with time zone NOT NULL,
	CONSTRAINT "unknown_numbers_instance_id_jid_pk" PRIMARY KEY("instance_id","jid")
);
--> statement-breakpoint
CREATE TABLE "message_days" (
	"instance_id" uuid NOT NULL,
	"chat_id" text NOT NULL,
	"day" date NOT NULL,
	"messages" integer NOT NULL,
	CONSTRAINT "message_days_instance_id_chat_id_day_pk" PRIMARY KEY("instance_id","chat_id","day")
);
--> statement-breakpoint
CREATE TABLE "usage" (
	"user_id" uuid NOT NULL,
	"instance_id" uuid NOT NULL,
	"slot" timestamp with time zone NOT NULL,
	"lane" smallint NOT NULL,
	"messages_sent" integer DEFAULT 0 NOT NULL,
	"messages_received" integer DEFAULT 0 NOT NULL,
	"media_sent" integer DEFAULT 0 NOT NULL,
	"media_received" integer DEFAULT 0 NOT NULL,
	"media_size" bigint DEFAULT 0 NOT NULL,
	"api_calls" integer DEFAULT 0 NOT NULL,
	"webhook_sent" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "usage_user_id_slot_instance_id_lane_pk" PRIMARY KEY("user_id","slot","instance_id","lane")
);
--> statement-breakpoint
CREATE TABLE "login_failures" (
	"subject" "bytea" PRIMARY KEY NOT NULL,
	"failures" integer NOT NULL,
	"since" timestamp with time zone NOT NULL,
	"blocked_until" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"instance_id" uuid PRIMARY KEY NOT NULL,
	"url" text NOT NULL,
	"state" text NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"failing_since" timestamp with time zone NOT NULL,
	"next_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "commands" ADD COLUMN "run_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "commands" ADD COLUMN "bulk_id" uuid;--> statement-breakpoint
ALTER TABLE "commands" ADD COLUMN "bulk_index" integer;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "webhook_previous_secret" "bytea";--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "webhook_previous_secret_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "edited_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "deleted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "ip_ranges" jsonb;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "time_zone" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "tokens_from" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "bulks" ADD CONSTRAINT "bulks_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "bulks" ADD CONSTRAINT "bulks_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "contacts" ADD CONSTRAINT "contacts_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "unknown_numbers" ADD CONSTRAINT "unknown_numbers_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "message_days" ADD CONSTRAINT "message_days_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "usage" ADD CONSTRAINT "usage_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_endpoints" ADD CONSTRAINT "webhook_endpoints_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "bulks_running" ON "bulks" USING btree ("shard","created_at") WHERE status = 'running';--> statement-breakpoint
CREATE INDEX "bulks_instance" ON "bulks" USING btree ("instance_id","created_at");--> statement-breakpoint
CREATE INDEX "contacts_lid" ON "contacts" USING btree ("instance_id","lid");--> statement-breakpoint
CREATE INDEX "usage_instance" ON "usage" USING btree ("instance_id","slot");--> statement-breakpoint
CREATE INDEX "login_failures_since" ON "login_failures" USING btree ("since");--> statement-breakpoint
ALTER TABLE "commands" ADD CONSTRAINT "commands_bulk_id_bulks_id_fk" FOREIGN KEY ("bulk_id") REFERENCES "public"."bulks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "commands_due" ON "commands" USING btree ("shard","run_at") WHERE status = 'scheduled' and bulk_id is null;--> statement-breakpoint
CREATE INDEX "commands_bulk" ON "commands" USING btree ("bulk_id","bulk_index") WHERE bulk_id is not null;--> statement-breakpoint
-- Keeps the counts in `message_days`, once per statement, because messages are written in batches. Updates the rows in the
-- order of their key, so that concurrent writers don't deadlock.
CREATE FUNCTION message_days_add() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO message_days (instance_id, chat_id, day, messages)
    SELECT instance_id, chat_id, (sent_at AT TIME ZONE 'UTC')::date, count(*) FROM added
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (instance_id, chat_id, day) DO UPDATE SET messages = message_days.messages + excluded.messages;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE FUNCTION message_days_take() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE message_days SET messages = message_days.messages - gone.n
    FROM (SELECT instance_id, chat_id, (sent_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n FROM taken
      GROUP BY 1, 2, 3) gone
    WHERE message_days.instance_id = gone.instance_id AND message_days.chat_id = gone.chat_id
      AND message_days.day = gone.day;
  RETURN NULL;
END $$;--> statement-breakpoint
-- WhatsApp can use a different chat id than the caller does. WhatsApp also sets the message's time, possibly on another day.
CREATE FUNCTION message_days_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE message_days SET messages = messages - 1
    WHERE instance_id = OLD.instance_id AND chat_id = OLD.chat_id AND day = (OLD.sent_at AT TIME ZONE 'UTC')::date;
  INSERT INTO message_days (instance_id, chat_id, day, messages)
    VALUES (NEW.instance_id, NEW.chat_id, (NEW.sent_at AT TIME ZONE 'UTC')::date, 1)
    ON CONFLICT (instance_id, chat_id, day) DO UPDATE SET messages = message_days.messages + 1;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER message_days_add AFTER INSERT ON messages
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION message_days_add();--> statement-breakpoint
CREATE TRIGGER message_days_take AFTER DELETE ON messages
  REFERENCING OLD TABLE AS taken FOR EACH STATEMENT EXECUTE FUNCTION message_days_take();--> statement-breakpoint
CREATE TRIGGER message_days_move AFTER UPDATE OF chat_id, sent_at ON messages FOR EACH ROW
  WHEN (OLD.chat_id <> NEW.chat_id
    OR (OLD.sent_at AT TIME ZONE 'UTC')::date <> (NEW.sent_at AT TIME ZONE 'UTC')::date)
  EXECUTE FUNCTION message_days_move();--> statement-breakpoint
INSERT INTO message_days (instance_id, chat_id, day, messages)
  SELECT instance_id, chat_id, (sent_at AT TIME ZONE 'UTC')::date, count(*) FROM messages GROUP BY 1, 2, 3;--> statement-breakpoint
-- Counts the events that were stored before `usage` existed.
INSERT INTO usage (user_id, instance_id, slot, lane, messages_sent, messages_received, media_sent, media_received, media_size)
  SELECT i.user_id, e.instance_id, date_bin('15 minutes', e.created_at, TIMESTAMPTZ '2000-01-01 00:00:00Z'), 0,
    count(*) FILTER (WHERE e.type = 'message.sent'),
    count(*) FILTER (WHERE e.type = 'message.received'),
    count(*) FILTER (WHERE e.type = 'message.sent' AND jsonb_typeof(e.data->'media') = 'object'),
    count(*) FILTER (WHERE e.type = 'message.received' AND jsonb_typeof(e.data->'media') = 'object'),
    coalesce(sum((e.data#>>'{media,size}')::numeric)
      FILTER (WHERE e.type = 'media.stored' OR (e.type = 'message.sent' AND e.data->>'source' = 'api')), 0)::bigint
  FROM events e JOIN instances i ON i.id = e.instance_id
  WHERE e.type IN ('message.sent', 'message.received', 'media.stored')
  GROUP BY 1, 2, 3;
