CREATE TABLE "claim_leases" (
	"id" uuid PRIMARY KEY NOT NULL,
	"place" text,
	"until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "client_version" ADD COLUMN "asked_by" uuid;--> statement-breakpoint
ALTER TABLE "event_sinks" ADD COLUMN "claimed_by" uuid;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "place" text;--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "claimed_by" uuid;--> statement-breakpoint
ALTER TABLE "webhook_endpoints" ADD COLUMN "claimed_by" uuid;--> statement-breakpoint
CREATE INDEX "claim_leases_until" ON "claim_leases" USING btree ("until");--> statement-breakpoint
CREATE INDEX "deliveries_claimed" ON "deliveries" USING btree ("claimed_by") WHERE status = 'pending' and claimed_by is not null;