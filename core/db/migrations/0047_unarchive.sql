ALTER TABLE "chats" ADD COLUMN "archived_through" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "chats" ADD COLUMN "archived_ids" text[];