CREATE TABLE "message_search" (
	"message_id" uuid PRIMARY KEY NOT NULL,
	"instance_id" uuid NOT NULL,
	"sent_at" timestamp with time zone NOT NULL,
	"words" "tsvector" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "search_backfill" (
	"id" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"after" uuid NOT NULL
);
--> statement-breakpoint
ALTER TABLE "message_search" ADD CONSTRAINT "message_search_message_id_messages_id_fk" FOREIGN KEY ("message_id") REFERENCES "public"."messages"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "message_search_words" ON "message_search" USING gin ("words") WITH (gin_pending_list_limit=512);--> statement-breakpoint
-- Folds case, accents and other variants of letters. The result doesn't depend on the locale of the database.
-- `core/message/search/words.ts` does the same.
CREATE FUNCTION search_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN octet_length(value) = char_length(value) THEN lower(value COLLATE "C") ELSE
    replace(replace(replace(translate(
      normalize(regexp_replace(lower(normalize(value, NFKD) COLLATE "und-x-icu") COLLATE "C",
        '[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670]+', '', 'g'), NFC),
      'ςøđłıħ', 'σodlih'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe') END
$$;--> statement-breakpoint
-- Returns the different words of a text, the pictures among them.
CREATE FUNCTION search_words(value text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(DISTINCT left(word[1], 64)), '{}') FROM regexp_matches(search_fold(left(value, 20000)),
    '[\u2600-\u27bf\U0001f000-\U0001f3fa\U0001f400-\U0001faff]|[^\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u3020\u3030\u303d\u30fb\ufe00-\ufe0f\ufe10-\ufe6f\uff00-\uff0f\U0001f000-\U0001faff]+', 'g') word
$$;--> statement-breakpoint
-- Returns a key of 24 bits of an instance. Instances with the same key are told apart by the column.
CREATE FUNCTION search_key(instance uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT encode(substr(uuid_send(instance), 14), 'base64')
$$;--> statement-breakpoint
-- Returns all parts of four letters of the words of a text, and shorter ones at the ends of words. The first part of a
-- word has a mark.
CREATE FUNCTION search_parts(instance uuid, value text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT array_to_tsvector(coalesce(array_agg(search_key(instance) || part), '{}'))
  FROM unnest(search_words(value)) word, LATERAL (
    SELECT '^' || left(word, 4) AS part
    UNION ALL SELECT substr(word, at, 4) FROM generate_series(2, length(word)) at) parts
$$;--> statement-breakpoint
-- Whether a text has all words of a query, see `MatchMode` in `core/message/search/words.ts`.
CREATE FUNCTION search_matches(value text, wanted text[], mode text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT NOT EXISTS (SELECT FROM unnest(wanted) query WHERE NOT EXISTS (
    SELECT FROM unnest(search_words(value)) word WHERE CASE mode WHEN 'word' THEN word = query
      WHEN 'contains' THEN position(query IN word) > 0 ELSE starts_with(word, query) END))
$$;--> statement-breakpoint
-- Keeps `message_search`.
CREATE FUNCTION message_search_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.body = '' THEN
    DELETE FROM message_search WHERE message_id = NEW.id;
  ELSE
    INSERT INTO message_search (message_id, instance_id, sent_at, words)
      VALUES (NEW.id, NEW.instance_id, NEW.sent_at, search_parts(NEW.instance_id, NEW.body))
      ON CONFLICT (message_id) DO UPDATE SET sent_at = excluded.sent_at, words = excluded.words;
  END IF;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER message_search_insert AFTER INSERT ON messages FOR EACH ROW
  WHEN (NEW.body <> '') EXECUTE FUNCTION message_search_write();--> statement-breakpoint
CREATE TRIGGER message_search_update AFTER UPDATE OF body, sent_at ON messages FOR EACH ROW
  WHEN (OLD.body IS DISTINCT FROM NEW.body OR OLD.sent_at IS DISTINCT FROM NEW.sent_at)
  EXECUTE FUNCTION message_search_write();--> statement-breakpoint
-- The function `cron` indexes older messages in slices, so that this migration doesn't lock their table for long.
INSERT INTO search_backfill (after) SELECT '00000000-0000-0000-0000-000000000000' WHERE EXISTS (SELECT FROM messages);
