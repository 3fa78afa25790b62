ALTER TABLE "instances" ADD COLUMN "status_details" text;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "status_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "pairing_codes_blocked_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "passkey" "bytea";