ALTER TABLE "instances" ADD COLUMN "presence" text DEFAULT 'unavailable' NOT NULL;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "proxy" text;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "proxy_password" "bytea";--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "device_name" text;