CREATE TABLE "history_parts" (
	"instance_id" uuid NOT NULL,
	"wa_id" text NOT NULL,
	"position" bigint GENERATED ALWAYS AS IDENTITY (sequence name "history_parts_position_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"phase" text NOT NULL,
	"chunk" integer,
	"percent" integer,
	"with_messages" boolean NOT NULL,
	"notification" "bytea",
	"state" text DEFAULT 'waiting' NOT NULL,
	"cursor" jsonb,
	"attempts" integer DEFAULT 0 NOT NULL,
	"error" text,
	"messages" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "history_parts_instance_id_wa_id_pk" PRIMARY KEY("instance_id","wa_id")
);
--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "history" text DEFAULT 'none' NOT NULL;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "history_completed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "imported" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "history_parts" ADD CONSTRAINT "history_parts_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "history_parts_order" ON "history_parts" USING btree ("instance_id","position");