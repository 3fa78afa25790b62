CREATE TABLE "chats" (
	"instance_id" uuid NOT NULL,
	"chat_id" text NOT NULL,
	"messages" integer DEFAULT 0 NOT NULL,
	"unread" integer DEFAULT 0 NOT NULL,
	"last_at" timestamp with time zone,
	"state_jid" text,
	"archived" boolean DEFAULT false NOT NULL,
	"pinned_at" timestamp with time zone,
	"muted_until" timestamp with time zone,
	"marked_unread" boolean DEFAULT false NOT NULL,
	"cleared_at" timestamp with time zone,
	CONSTRAINT "chats_instance_id_chat_id_pk" PRIMARY KEY("instance_id","chat_id")
);
--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "unread" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "chats" ADD CONSTRAINT "chats_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "chats_newest" ON "chats" USING btree ("instance_id","last_at" DESC NULLS LAST,"chat_id") WHERE messages > 0;--> statement-breakpoint
CREATE INDEX "chats_unread" ON "chats" USING btree ("instance_id","last_at" DESC NULLS LAST,"chat_id") WHERE messages > 0 and (unread > 0 or marked_unread);--> statement-breakpoint
CREATE INDEX "chats_pinned" ON "chats" USING btree ("instance_id") WHERE pinned_at is not null;--> statement-breakpoint
CREATE INDEX "chats_archived" ON "chats" USING btree ("instance_id") WHERE archived;--> statement-breakpoint
CREATE INDEX "chats_muted" ON "chats" USING btree ("instance_id") WHERE muted_until is not null;--> statement-breakpoint
CREATE INDEX "chats_cleared" ON "chats" USING btree ("instance_id") WHERE cleared_at is not null;--> statement-breakpoint
CREATE INDEX "messages_unread" ON "messages" USING btree ("instance_id","chat_id","sent_at") WHERE unread;
--> statement-breakpoint
-- Keeps `chats` in step with `messages`. Inserts lock the rows in the order of their key, as `message_days_add` does, so that
-- concurrent writers don't deadlock.
CREATE FUNCTION chats_add() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO chats (instance_id, chat_id, messages, unread, last_at)
    SELECT instance_id, chat_id, count(*), count(*) FILTER (WHERE unread), max(sent_at) FROM added
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (instance_id, chat_id) DO UPDATE SET messages = chats.messages + excluded.messages,
      unread = chats.unread + excluded.unread, last_at = greatest(chats.last_at, excluded.last_at);
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE FUNCTION chats_newest(instance uuid, chat text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT sent_at FROM messages WHERE instance_id = instance AND chat_id = chat ORDER BY sent_at DESC LIMIT 1
$$;--> statement-breakpoint
CREATE FUNCTION chats_take() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM chats WHERE (instance_id, chat_id) IN (SELECT instance_id, chat_id FROM taken)
    ORDER BY instance_id, chat_id FOR UPDATE;
  UPDATE chats SET messages = chats.messages - gone.n, unread = chats.unread - gone.unread,
      last_at = CASE WHEN gone.last_at >= chats.last_at THEN chats_newest(chats.instance_id, chats.chat_id)
        ELSE chats.last_at END
    FROM (SELECT instance_id, chat_id, count(*) AS n, count(*) FILTER (WHERE unread) AS unread, max(sent_at) AS last_at
      FROM taken GROUP BY 1, 2) gone
    WHERE chats.instance_id = gone.instance_id AND chats.chat_id = gone.chat_id;
  RETURN NULL;
END $$;--> statement-breakpoint
-- WhatsApp can use a different chat id than the caller does. WhatsApp also sets the message's time.
CREATE FUNCTION chats_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.chat_id = NEW.chat_id THEN
    UPDATE chats SET last_at = CASE WHEN NEW.sent_at >= last_at THEN NEW.sent_at
          WHEN OLD.sent_at >= last_at THEN chats_newest(instance_id, chat_id) ELSE last_at END
      WHERE instance_id = NEW.instance_id AND chat_id = NEW.chat_id;
    RETURN NULL;
  END IF;
  UPDATE chats SET messages = messages - 1, unread = unread - OLD.unread::int,
      last_at = CASE WHEN OLD.sent_at >= last_at THEN chats_newest(instance_id, chat_id) ELSE last_at END
    WHERE instance_id = OLD.instance_id AND chat_id = OLD.chat_id;
  INSERT INTO chats (instance_id, chat_id, messages, unread, last_at)
    VALUES (NEW.instance_id, NEW.chat_id, 1, NEW.unread::int, NEW.sent_at)
    ON CONFLICT (instance_id, chat_id) DO UPDATE SET messages = chats.messages + 1,
      unread = chats.unread + excluded.unread, last_at = greatest(chats.last_at, excluded.last_at);
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER chats_add AFTER INSERT ON messages
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION chats_add();--> statement-breakpoint
CREATE TRIGGER chats_take AFTER DELETE ON messages
  REFERENCING OLD TABLE AS taken FOR EACH STATEMENT EXECUTE FUNCTION chats_take();--> statement-breakpoint
CREATE TRIGGER chats_move AFTER UPDATE OF chat_id, sent_at ON messages FOR EACH ROW
  WHEN (OLD.chat_id <> NEW.chat_id OR OLD.sent_at <> NEW.sent_at) EXECUTE FUNCTION chats_move();--> statement-breakpoint
-- What was read on the phone before this version is not known, so the messages of earlier versions don't count as unread.
INSERT INTO chats (instance_id, chat_id, messages, last_at)
  SELECT d.instance_id, d.chat_id, d.messages, chats_newest(d.instance_id, d.chat_id)
  FROM (SELECT instance_id, chat_id, sum(messages) AS messages FROM message_days WHERE messages > 0 GROUP BY 1, 2) d;
