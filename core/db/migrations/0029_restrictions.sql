ALTER TABLE "commands" ADD COLUMN "waiting_reason" text;--> statement-breakpoint
ALTER TABLE "commands" ADD COLUMN "options" jsonb;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "restrictions" jsonb;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "pace" jsonb;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "new_contacts" jsonb;--> statement-breakpoint
CREATE INDEX "commands_held_back" ON "commands" USING btree ("instance_id") WHERE waiting_reason is not null;