CREATE TABLE "waiting_notes" (
	"instance_id" uuid NOT NULL,
	"target_id" text NOT NULL,
	"note_id" text NOT NULL,
	"sender_id" text NOT NULL,
	"envelope" jsonb NOT NULL,
	"payload" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "waiting_notes_instance_id_target_id_note_id_sender_id_pk" PRIMARY KEY("instance_id","target_id","note_id","sender_id")
);
--> statement-breakpoint
ALTER TABLE "waiting_notes" ADD CONSTRAINT "waiting_notes_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "waiting_notes_newest" ON "waiting_notes" USING btree ("instance_id","created_at");--> statement-breakpoint
CREATE INDEX "waiting_notes_created" ON "waiting_notes" USING btree ("created_at");