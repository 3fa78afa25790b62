ALTER TABLE "chats" ADD COLUMN IF NOT EXISTS "archived_through" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "chats" ADD COLUMN IF NOT EXISTS "archived_ids" text[];