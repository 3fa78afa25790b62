ALTER TABLE "instances" ADD COLUMN "business" boolean;--> statement-breakpoint
ALTER TABLE "labels" ADD COLUMN "deleted_at" timestamp with time zone;