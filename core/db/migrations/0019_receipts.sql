CREATE TABLE "message_receipts" (
	"message_id" uuid NOT NULL,
	"jid" text NOT NULL,
	"lid" text,
	"delivered_at" timestamp with time zone NOT NULL,
	"read_at" timestamp with time zone,
	"played_at" timestamp with time zone,
	CONSTRAINT "message_receipts_message_id_jid_pk" PRIMARY KEY("message_id","jid")
);
--> statement-breakpoint
ALTER TABLE "recipient_lists" ADD COLUMN "people" text[];--> statement-breakpoint
ALTER TABLE "message_receipts" ADD CONSTRAINT "message_receipts_message_id_messages_id_fk" FOREIGN KEY ("message_id") REFERENCES "public"."messages"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
-- Status posts disappear after a day, so older views can no longer change.
INSERT INTO message_receipts (message_id, jid, lid, delivered_at, read_at)
SELECT m.id, v.key, CASE WHEN v.key LIKE '%@lid' THEN v.key END, coalesce(m.delivered_at, m.sent_at),
  CASE WHEN v.value = 'read' THEN coalesce(m.read_at, m.sent_at) END
FROM instances JOIN messages m ON m.instance_id = instances.id AND m.chat_id = 'status@broadcast'
  AND m.sent_at > now() - interval '2 days' AND m.from_me
CROSS JOIN LATERAL jsonb_each_text(m.context->'views') v;
