CREATE TABLE "message_marks" (
	"instance_id" uuid NOT NULL,
	"chat_id" text NOT NULL,
	"wa_id" text NOT NULL,
	"kind" text NOT NULL,
	"active" boolean NOT NULL,
	"sender_id" text NOT NULL,
	"marked_at" timestamp with time zone NOT NULL,
	"until" timestamp with time zone,
	CONSTRAINT "message_marks_instance_id_chat_id_wa_id_kind_pk" PRIMARY KEY("instance_id","chat_id","wa_id","kind")
);
--> statement-breakpoint
CREATE TABLE "reactions" (
	"instance_id" uuid NOT NULL,
	"chat_id" text NOT NULL,
	"wa_id" text NOT NULL,
	"sender_id" text NOT NULL,
	"sender_lid" text,
	"push_name" text,
	"emoji" text NOT NULL,
	"reacted_at" timestamp with time zone NOT NULL,
	CONSTRAINT "reactions_instance_id_chat_id_wa_id_sender_id_pk" PRIMARY KEY("instance_id","chat_id","wa_id","sender_id")
);
--> statement-breakpoint
ALTER TABLE "message_marks" ADD CONSTRAINT "message_marks_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reactions" ADD CONSTRAINT "reactions_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
-- Earlier versions stored each reaction as a message.
INSERT INTO "reactions" (instance_id, chat_id, wa_id, sender_id, sender_lid, push_name, emoji, reacted_at)
  SELECT DISTINCT ON (instance_id, chat_id, context->>'reactionTo', sender_id)
    instance_id, chat_id, context->>'reactionTo', sender_id, sender_lid, push_name, body, sent_at
  FROM "messages"
  WHERE type = 'reaction' AND context->>'reactionTo' IS NOT NULL AND deleted_at IS NULL
    AND status NOT IN ('pending', 'failed', 'canceled')
  ORDER BY instance_id, chat_id, context->>'reactionTo', sender_id, sent_at DESC, id DESC
  ON CONFLICT DO NOTHING;
--> statement-breakpoint
DELETE FROM "messages"
  WHERE type = 'reaction' AND context->>'reactionTo' IS NOT NULL AND status NOT IN ('pending', 'failed', 'canceled');
