-- Keeps `message_search`. The acknowledgement of a sent message changes only the time, so the words aren't made again.
-- Without the setting, each call plans the statements of `search_parts` again for its own text.
CREATE OR REPLACE FUNCTION message_search_write() RETURNS trigger LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  IF NEW.body = '' THEN
    DELETE FROM message_search WHERE message_id = NEW.id;
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.body IS NOT DISTINCT FROM NEW.body THEN
    UPDATE message_search SET sent_at = NEW.sent_at WHERE message_id = NEW.id;
    IF FOUND THEN
      RETURN NULL;
    END IF;
  END IF;
  INSERT INTO message_search (message_id, instance_id, sent_at, words)
    VALUES (NEW.id, NEW.instance_id, NEW.sent_at, search_parts(NEW.instance_id, NEW.body))
    ON CONFLICT (message_id) DO UPDATE SET sent_at = excluded.sent_at, words = excluded.words;
  RETURN NULL;
END $$;
