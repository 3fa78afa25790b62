-- Storage parameters, which Drizzle can't declare. These statements lock out only other changes of the table and VACUUM.
--
-- Tables whose rows are updated in columns without an index: free space on each page keeps the new version on the page of
-- the old one (HOT), so that no index is written and no vacuum is needed for it.
ALTER TABLE "messages" SET (fillfactor = 90);--> statement-breakpoint
ALTER TABLE "session_keys" SET (fillfactor = 80);--> statement-breakpoint
ALTER TABLE "usage" SET (fillfactor = 80);--> statement-breakpoint
ALTER TABLE "message_days" SET (fillfactor = 90);--> statement-breakpoint
ALTER TABLE "message_receipts" SET (fillfactor = 90);--> statement-breakpoint
ALTER TABLE "instances" SET (fillfactor = 60);--> statement-breakpoint
-- Small tables with many updates: a vacuum after some hundred of them keeps them in a few pages.
ALTER TABLE "shards" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);--> statement-breakpoint
ALTER TABLE "hosts" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);--> statement-breakpoint
ALTER TABLE "claim_leases" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);--> statement-breakpoint
ALTER TABLE "event_sinks" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);--> statement-breakpoint
ALTER TABLE "endpoint_breakers" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);--> statement-breakpoint
ALTER TABLE "replies" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);--> statement-breakpoint
-- Large tables: the defaults vacuum after a fifth and analyze after a tenth of the rows has changed, which is days at a
-- million rows. Partial indexes over the few open rows suffer first, because each ended row leaves an entry in them.
ALTER TABLE "commands" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_cost_limit = 1000);--> statement-breakpoint
ALTER TABLE "events" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_cost_limit = 1000);--> statement-breakpoint
ALTER TABLE "deliveries" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_cost_limit = 1000);--> statement-breakpoint
ALTER TABLE "messages" SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_cost_limit = 1000);--> statement-breakpoint
ALTER TABLE "session_keys" SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_limit = 1000);--> statement-breakpoint
ALTER TABLE "usage" SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_limit = 1000);--> statement-breakpoint
ALTER TABLE "chats" SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_limit = 1000);
