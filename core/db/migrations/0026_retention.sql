ALTER TABLE "instances" ADD COLUMN "retention" jsonb;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "retention" jsonb;--> statement-breakpoint
CREATE INDEX "messages_age" ON "messages" USING btree ("instance_id","sent_at");--> statement-breakpoint
CREATE INDEX "messages_files" ON "messages" USING btree ("instance_id","sent_at") WHERE media->>'state' = 'stored';