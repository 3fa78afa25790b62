CREATE TABLE "replies" (
	"position" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "replies_position_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"shard" integer NOT NULL,
	"queue" text NOT NULL,
	"group_id" text NOT NULL,
	"deduplication_id" text NOT NULL,
	"command" text,
	"reply" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "commands" ADD COLUMN "request_id" text;--> statement-breakpoint
ALTER TABLE "commands" ADD COLUMN "reply_to" text;--> statement-breakpoint
CREATE INDEX "replies_shard" ON "replies" USING btree ("shard","position");--> statement-breakpoint
CREATE INDEX "replies_age" ON "replies" USING btree ("created_at");--> statement-breakpoint
-- Writes the reply in the transaction that ends a command, whatever ends it, so that no code has to remember the reply. The
-- deletion of an instance ends its commands too. Of these, only `instance.delete` has succeeded.
CREATE FUNCTION leave_reply() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  command commands;
  ended text;
  reply jsonb;
BEGIN
  IF TG_OP = 'DELETE' THEN
    command := OLD;
    command.finished_at := clock_timestamp();
    command.error_code := 'instance_not_found';
    command.status := CASE WHEN command.name = 'instance.delete' THEN 'done' ELSE 'failed' END;
    command.output := '{}';
  ELSE
    command := NEW;
  END IF;
  ended := CASE command.status WHEN 'done' THEN 'done' ELSE 'failed' END;
  reply := jsonb_build_object('v', 1, 'status', ended, 'id', command.request_id, 'instanceId', command.instance_id,
    'command', command.name, 'commandId', command.id, 'messageId', command.wa_id, 'correlationId', command.correlation_id,
    'at', to_char(command.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
  IF ended = 'done' THEN
    reply := reply || jsonb_build_object('output', command.output);
  ELSIF command.status = 'canceled' THEN
    reply := reply || jsonb_build_object('error', jsonb_build_object('code', 'conflict', 'details', 'it was canceled'));
  ELSE
    reply := reply || jsonb_build_object('error',
      jsonb_build_object('code', coalesce(command.error_code, 'internal'), 'details', command.error_details));
  END IF;
  INSERT INTO replies (shard, queue, group_id, deduplication_id, command, reply)
    VALUES (command.shard, command.reply_to, command.instance_id::text, command.correlation_id || ':' || ended,
      command.name, reply);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER commands_ended AFTER UPDATE OF status ON commands FOR EACH ROW
  WHEN (NEW.reply_to IS NOT NULL AND NEW.status IS DISTINCT FROM OLD.status AND NEW.status IN ('done', 'failed', 'canceled'))
  EXECUTE FUNCTION leave_reply();
--> statement-breakpoint
CREATE TRIGGER commands_gone AFTER DELETE ON commands FOR EACH ROW
  WHEN (OLD.reply_to IS NOT NULL AND OLD.status IN ('scheduled', 'queued', 'claimed'))
  EXECUTE FUNCTION leave_reply();
