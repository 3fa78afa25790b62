ALTER TABLE "chats" ADD COLUMN IF NOT EXISTS "cleared_stored_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "chats" ADD COLUMN IF NOT EXISTS "cleared_ids" text[];--> statement-breakpoint
-- A message that is scheduled or canceled is not the newest message of its chat (`isShown` in core/db/visible.ts).
CREATE OR REPLACE FUNCTION is_shown(status text, sent_at timestamptz, created_at timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT status <> 'canceled' AND (status <> 'pending' OR sent_at <= created_at)
$$;--> statement-breakpoint
CREATE OR REPLACE FUNCTION chats_add() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO chats (instance_id, chat_id, messages, unread, last_at)
    SELECT instance_id, chat_id, count(*), count(*) FILTER (WHERE unread),
      max(sent_at) FILTER (WHERE is_shown(status, sent_at, created_at)) FROM added
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (instance_id, chat_id) DO UPDATE SET messages = chats.messages + excluded.messages,
      unread = chats.unread + excluded.unread, last_at = greatest(chats.last_at, excluded.last_at);
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE OR REPLACE FUNCTION chats_newest(instance uuid, chat text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT sent_at FROM messages WHERE instance_id = instance AND chat_id = chat AND is_shown(status, sent_at, created_at)
    ORDER BY sent_at DESC LIMIT 1
$$;--> statement-breakpoint
CREATE OR REPLACE FUNCTION chats_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  old_at timestamptz := CASE WHEN is_shown(OLD.status, OLD.sent_at, OLD.created_at) THEN OLD.sent_at END;
  new_at timestamptz := CASE WHEN is_shown(NEW.status, NEW.sent_at, NEW.created_at) THEN NEW.sent_at END;
BEGIN
  IF OLD.chat_id = NEW.chat_id THEN
    UPDATE chats SET last_at = CASE WHEN new_at >= coalesce(last_at, '-infinity') THEN new_at
          WHEN old_at >= last_at THEN chats_newest(instance_id, chat_id) ELSE last_at END
      WHERE instance_id = NEW.instance_id AND chat_id = NEW.chat_id;
    RETURN NULL;
  END IF;
  UPDATE chats SET messages = messages - 1, unread = unread - OLD.unread::int,
      last_at = CASE WHEN old_at >= last_at THEN chats_newest(instance_id, chat_id) ELSE last_at END
    WHERE instance_id = OLD.instance_id AND chat_id = OLD.chat_id;
  INSERT INTO chats (instance_id, chat_id, messages, unread, last_at)
    VALUES (NEW.instance_id, NEW.chat_id, 1, NEW.unread::int, new_at)
    ON CONFLICT (instance_id, chat_id) DO UPDATE SET messages = chats.messages + 1,
      unread = chats.unread + excluded.unread, last_at = greatest(chats.last_at, excluded.last_at);
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE OR REPLACE TRIGGER chats_move AFTER UPDATE OF chat_id, sent_at, status ON messages FOR EACH ROW
  WHEN (OLD.chat_id <> NEW.chat_id OR OLD.sent_at <> NEW.sent_at OR (OLD.status <> NEW.status
    AND (NEW.status = 'canceled' OR (OLD.status = 'pending' AND OLD.sent_at > OLD.created_at))))
  EXECUTE FUNCTION chats_move();--> statement-breakpoint
-- Corrects the rows of one slice of commands: a canceled message had the time for which it was scheduled, and a scheduled or
-- canceled message could be the newest one of its chat. Locks the chats before it reads their newest messages, so that it
-- sees the messages of transactions that it waited for.
CREATE OR REPLACE FUNCTION backfill_ended_sends(after text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  slice uuid[];
BEGIN
  SELECT array_agg(id ORDER BY id) INTO slice FROM (
    SELECT id FROM commands WHERE id > coalesce(after, '00000000-0000-0000-0000-000000000000')::uuid ORDER BY id LIMIT 500) s;
  UPDATE messages SET sent_at = date_trunc('second', c.finished_at) FROM commands c
    WHERE c.id = ANY (slice) AND c.status = 'canceled' AND c.wa_id IS NOT NULL AND messages.instance_id = c.instance_id
      AND messages.wa_id = c.wa_id AND messages.from_me AND messages.status = 'canceled' AND messages.sent_at > c.finished_at;
  PERFORM FROM chats WHERE (instance_id, chat_id) IN (
      SELECT m.instance_id, m.chat_id FROM commands c
        JOIN messages m ON m.instance_id = c.instance_id AND m.wa_id = c.wa_id AND m.from_me
      WHERE c.id = ANY (slice) AND c.status IN ('scheduled', 'canceled') AND c.wa_id IS NOT NULL)
    ORDER BY instance_id, chat_id FOR UPDATE;
  UPDATE chats SET last_at = chats_newest(instance_id, chat_id) WHERE (instance_id, chat_id) IN (
      SELECT m.instance_id, m.chat_id FROM commands c
        JOIN messages m ON m.instance_id = c.instance_id AND m.wa_id = c.wa_id AND m.from_me
      WHERE c.id = ANY (slice) AND c.status IN ('scheduled', 'canceled') AND c.wa_id IS NOT NULL)
    AND last_at IS DISTINCT FROM chats_newest(instance_id, chat_id);
  RETURN slice[array_upper(slice, 1)];
END $$;--> statement-breakpoint
-- The same for one slice of chats whose newest message is in the future.
CREATE OR REPLACE FUNCTION backfill_future_chats(after text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  instances uuid[];
  ids text[];
BEGIN
  SELECT array_agg(instance_id ORDER BY instance_id, chat_id), array_agg(chat_id ORDER BY instance_id, chat_id)
    INTO instances, ids FROM (
      SELECT instance_id, chat_id FROM chats
      WHERE after IS NULL OR (instance_id, chat_id) > ((after::json ->> 0)::uuid, after::json ->> 1)
      ORDER BY instance_id, chat_id LIMIT 500) s;
  PERFORM FROM chats WHERE (instance_id, chat_id) IN (SELECT * FROM unnest(instances, ids)) AND last_at > now()
    ORDER BY instance_id, chat_id FOR UPDATE;
  UPDATE chats SET last_at = chats_newest(instance_id, chat_id)
    WHERE (instance_id, chat_id) IN (SELECT * FROM unnest(instances, ids)) AND last_at > now();
  RETURN CASE WHEN ids IS NOT NULL THEN json_build_array(instances[array_upper(instances, 1)], ids[array_upper(ids, 1)]) END;
END $$;--> statement-breakpoint
-- slices
SELECT backfill_ended_sends($1) AS next;--> statement-breakpoint
-- slices
SELECT backfill_future_chats($1) AS next;
