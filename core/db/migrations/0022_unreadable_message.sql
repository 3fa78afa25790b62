CREATE TABLE "unreadable_messages" (
	"instance_id" uuid NOT NULL,
	"wa_id" text NOT NULL,
	"sender" text NOT NULL,
	"sender_alt" text,
	"attrs" jsonb NOT NULL,
	"reason" text NOT NULL,
	"hidden" boolean DEFAULT false NOT NULL,
	"message_id" uuid,
	"requests" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "unreadable_messages_instance_id_wa_id_sender_pk" PRIMARY KEY("instance_id","wa_id","sender")
);
--> statement-breakpoint
ALTER TABLE "unreadable_messages" ADD CONSTRAINT "unreadable_messages_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "unreadable_messages_due" ON "unreadable_messages" USING btree ("instance_id","due_at") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "unreadable_messages_created" ON "unreadable_messages" USING btree ("created_at");