CREATE TABLE "event_sinks" (
	"instance_id" uuid PRIMARY KEY NOT NULL,
	"queue" text NOT NULL,
	"sent_seq" bigint NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"failing_since" timestamp with time zone,
	"error" text,
	"next_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "event_queue" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "event_queue" text;--> statement-breakpoint
ALTER TABLE "event_sinks" ADD CONSTRAINT "event_sinks_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;