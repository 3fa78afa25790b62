-- contract
-- The previous version canceled and scheduled messages since the slices of 0045.
-- slices
SELECT backfill_ended_sends($1) AS next;--> statement-breakpoint
-- slices
SELECT backfill_future_chats($1) AS next;--> statement-breakpoint
DROP FUNCTION IF EXISTS backfill_ended_sends(text);--> statement-breakpoint
DROP FUNCTION IF EXISTS backfill_future_chats(text);--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "commands_queued";--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "hosts_seen";--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "claim_leases_until";
