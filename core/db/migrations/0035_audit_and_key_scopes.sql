CREATE TABLE "audit_log" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_log_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp with time zone NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"ip" text,
	"source" text NOT NULL,
	"operation" text NOT NULL,
	"owner_id" uuid,
	"instance_id" uuid,
	"target" jsonb,
	"fields" jsonb NOT NULL,
	"outcome" text NOT NULL,
	"status" integer,
	"code" text,
	"request_id" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "instances" jsonb;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "scopes" jsonb;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "last_used_ip" text;--> statement-breakpoint
CREATE INDEX "audit_log_age" ON "audit_log" USING btree ("at");--> statement-breakpoint
CREATE INDEX "audit_log_user" ON "audit_log" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "audit_log_owner" ON "audit_log" USING btree ("owner_id","id");--> statement-breakpoint
CREATE INDEX "audit_log_refused" ON "audit_log" USING btree (coalesce(key_id, user_id),"at") WHERE outcome = 'refused';
--> statement-breakpoint
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
	IF TG_OP = 'DELETE' AND current_setting('switchboard.prune_audit', true) = 'on' THEN
		RETURN OLD;
	END IF;
	RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END;
$$;
--> statement-breakpoint
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
	FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
--> statement-breakpoint
CREATE TRIGGER audit_log_not_truncated BEFORE TRUNCATE ON audit_log
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
--> statement-breakpoint
-- Runs with the rights of the owner, because the role of the application may not delete rows. Whatever the caller asks for,
-- the entries of the last 30 days stay.
CREATE FUNCTION prune_audit(before timestamp with time zone, at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
	pruned integer;
BEGIN
	PERFORM set_config('switchboard.prune_audit', 'on', true);
	DELETE FROM audit_log WHERE id IN (
		SELECT id FROM audit_log WHERE at < least(before, now() - interval '30 days') ORDER BY at LIMIT at_most);
	GET DIAGNOSTICS pruned = ROW_COUNT;
	PERFORM set_config('switchboard.prune_audit', 'off', true);
	RETURN pruned;
END;
$$;
