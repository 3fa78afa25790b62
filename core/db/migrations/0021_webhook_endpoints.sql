CREATE TABLE "webhooks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"instance_id" uuid,
	"default_id" uuid,
	"name" text DEFAULT '' NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"url" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"secret" "bytea",
	"previous_secret" "bytea",
	"previous_secret_until" timestamp with time zone,
	"headers" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"events" jsonb,
	"filters" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"timeout_ms" integer DEFAULT 15000 NOT NULL,
	"max_retries" integer DEFAULT 5 NOT NULL,
	"retry_interval" integer DEFAULT 60000 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "webhook_endpoints" RENAME TO "endpoint_breakers";--> statement-breakpoint
ALTER TABLE "endpoint_breakers" RENAME COLUMN "instance_id" TO "endpoint_id";--> statement-breakpoint
ALTER TABLE "endpoint_breakers" DROP CONSTRAINT "webhook_endpoints_instance_id_instances_id_fk";--> statement-breakpoint
ALTER TABLE "webhook_paces" RENAME TO "endpoint_paces";--> statement-breakpoint
ALTER TABLE "endpoint_paces" RENAME COLUMN "instance_id" TO "endpoint_id";--> statement-breakpoint
ALTER TABLE "endpoint_paces" DROP CONSTRAINT "webhook_paces_instance_id_instances_id_fk";--> statement-breakpoint
-- The names that version 0.1 uses, for the time in which both versions run, and for a rollback.
CREATE VIEW "webhook_endpoints" AS
	SELECT "endpoint_id" AS "instance_id", "url", "state", "failures", "failing_since", "next_at", "claimed_by" FROM "endpoint_breakers";--> statement-breakpoint
CREATE VIEW "webhook_paces" AS
	SELECT "endpoint_id" AS "instance_id", "url", "average_ms", "busy_until", "busy_by" FROM "endpoint_paces";--> statement-breakpoint
ALTER TABLE "deliveries" ALTER COLUMN "url" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "endpoint_id" uuid;--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "endpoint_url" text;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "webhook_name" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "webhook_description" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "webhook_events" jsonb;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "webhook_filters" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "webhook_timeout_ms" integer DEFAULT 15000 NOT NULL;--> statement-breakpoint
ALTER TABLE "webhooks" ADD CONSTRAINT "webhooks_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhooks" ADD CONSTRAINT "webhooks_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhooks" ADD CONSTRAINT "webhooks_default_id_webhooks_id_fk" FOREIGN KEY ("default_id") REFERENCES "public"."webhooks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "webhooks_instance" ON "webhooks" USING btree ("instance_id","created_at");--> statement-breakpoint
CREATE INDEX "webhooks_defaults" ON "webhooks" USING btree ("user_id","created_at") WHERE instance_id is null;--> statement-breakpoint
CREATE UNIQUE INDEX "webhooks_inherited" ON "webhooks" USING btree ("default_id","instance_id");--> statement-breakpoint
CREATE UNIQUE INDEX "deliveries_event" ON "deliveries" USING btree ("event_id",coalesce(endpoint_id, instance_id));--> statement-breakpoint
CREATE INDEX "deliveries_backlog" ON "deliveries" USING btree (coalesce(endpoint_id, instance_id),"event_seq") WHERE status = 'pending';--> statement-breakpoint
-- Existing webhooks keep getting the events that they got so far.
UPDATE "instances" SET "webhook_events" = CASE "dialect"
	WHEN 'gateway' THEN '["message.received","message.sent","message.failed","message.read","message.delivered","status.received","poll.voted","event.answered","connection.open","connection.close","connection.update","group.join","group.leave","group.update","group.participants.update","call.received","call.rejected","call.ended","stanza.quarantined","event.parked"]'::jsonb
	ELSE '["message.received","message.sent","message.delivered","message.read","message.failed","poll.voted","event.answered","connection.open","connection.close","connection.qr"]'::jsonb END
WHERE "webhook_url" IS NOT NULL;