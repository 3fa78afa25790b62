ALTER TABLE "instances" ADD COLUMN "sends_paused_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "sends_resumed_at" timestamp with time zone;