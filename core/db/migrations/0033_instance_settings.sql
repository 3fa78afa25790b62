CREATE TABLE "call_answers" (
	"instance_id" uuid NOT NULL,
	"caller" text NOT NULL,
	"answered_at" timestamp with time zone NOT NULL,
	CONSTRAINT "call_answers_instance_id_caller_pk" PRIMARY KEY("instance_id","caller")
);
--> statement-breakpoint
CREATE TABLE "auto_reads" (
	"instance_id" uuid NOT NULL,
	"message_id" uuid NOT NULL,
	CONSTRAINT "auto_reads_instance_id_message_id_pk" PRIMARY KEY("instance_id","message_id"),
	CONSTRAINT "auto_reads_message_id_unique" UNIQUE("message_id")
);
--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "reject_calls" jsonb;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "auto_read" jsonb;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "ignore_rules" jsonb;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "metadata" jsonb;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "timezone" text;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "settings_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "call_answers" ADD CONSTRAINT "call_answers_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "auto_reads" ADD CONSTRAINT "auto_reads_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "auto_reads" ADD CONSTRAINT "auto_reads_message_id_messages_id_fk" FOREIGN KEY ("message_id") REFERENCES "public"."messages"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "call_answers_age" ON "call_answers" USING btree ("answered_at");