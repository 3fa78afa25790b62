CREATE TABLE "recipient_lists" (
	"instance_id" uuid NOT NULL,
	"hash" "bytea" NOT NULL,
	"jids" text[] NOT NULL,
	"used_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "recipient_lists_instance_id_hash_pk" PRIMARY KEY("instance_id","hash")
);
--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "recipients" "bytea";--> statement-breakpoint
ALTER TABLE "recipient_lists" ADD CONSTRAINT "recipient_lists_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "recipient_lists_used" ON "recipient_lists" USING btree ("used_at");