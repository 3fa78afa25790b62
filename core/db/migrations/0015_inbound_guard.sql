CREATE TABLE "refused_stanzas" (
	"instance_id" uuid NOT NULL,
	"key" "bytea" NOT NULL,
	"kind" text NOT NULL,
	"stanza_id" text NOT NULL,
	"sender" text NOT NULL,
	"attempts" integer NOT NULL,
	"error" text NOT NULL,
	"first_at" timestamp with time zone NOT NULL,
	"last_at" timestamp with time zone NOT NULL,
	"quarantined_at" timestamp with time zone,
	"stanza" "bytea",
	"plaintext" "bytea",
	CONSTRAINT "refused_stanzas_instance_id_key_pk" PRIMARY KEY("instance_id","key")
);
--> statement-breakpoint
DROP INDEX "events_outbox";--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "parked_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "parked_reason" text;--> statement-breakpoint
ALTER TABLE "refused_stanzas" ADD CONSTRAINT "refused_stanzas_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "refused_stanzas_last" ON "refused_stanzas" USING btree ("last_at");--> statement-breakpoint
CREATE INDEX "events_lane" ON "events" USING btree ("shard",(get_byte(uuid_send(instance_id), 15) % 4),"position") WHERE emitted_at is null;