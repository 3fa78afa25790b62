CREATE TABLE "chat_timers" (
	"instance_id" uuid NOT NULL,
	"chat_id" text NOT NULL,
	"seconds" integer NOT NULL,
	"set_at" timestamp with time zone NOT NULL,
	CONSTRAINT "chat_timers_instance_id_chat_id_pk" PRIMARY KEY("instance_id","chat_id")
);
--> statement-breakpoint
ALTER TABLE "chat_timers" ADD CONSTRAINT "chat_timers_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;