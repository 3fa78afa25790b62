CREATE TABLE "webhook_paces" (
	"instance_id" uuid PRIMARY KEY NOT NULL,
	"url" text NOT NULL,
	"average_ms" integer NOT NULL,
	"busy_until" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "webhook_paces" ADD CONSTRAINT "webhook_paces_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;