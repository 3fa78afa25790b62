CREATE INDEX CONCURRENTLY IF NOT EXISTS "commands_queued_of_shard" ON "commands" USING btree ("shard","created_at") WHERE status = 'queued';--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "commands_queued_of_instance" ON "commands" USING btree ("instance_id","created_at") WHERE status = 'queued';
