CREATE TABLE "broadcasts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"instance_id" uuid NOT NULL,
	"name" text NOT NULL,
	"recipients" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "channels" (
	"instance_id" uuid NOT NULL,
	"jid" text NOT NULL,
	"name" text,
	"description" text,
	"role" text NOT NULL,
	"muted" boolean DEFAULT false NOT NULL,
	"muted_until" timestamp with time zone,
	"verified" boolean DEFAULT false NOT NULL,
	"subscribers" integer,
	"invite_code" text,
	"created_at" timestamp with time zone,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "channels_instance_id_jid_pk" PRIMARY KEY("instance_id","jid")
);
--> statement-breakpoint
CREATE TABLE "label_targets" (
	"instance_id" uuid NOT NULL,
	"label_id" text NOT NULL,
	"chat_id" text NOT NULL,
	"message_id" text DEFAULT '' NOT NULL,
	CONSTRAINT "label_targets_instance_id_label_id_chat_id_message_id_pk" PRIMARY KEY("instance_id","label_id","chat_id","message_id")
);
--> statement-breakpoint
CREATE TABLE "labels" (
	"instance_id" uuid NOT NULL,
	"label_id" text NOT NULL,
	"name" text NOT NULL,
	"color" integer NOT NULL,
	"predefined_id" text,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "labels_instance_id_label_id_pk" PRIMARY KEY("instance_id","label_id")
);
--> statement-breakpoint
CREATE TABLE "responses" (
	"instance_id" uuid NOT NULL,
	"chat_id" text NOT NULL,
	"wa_id" text NOT NULL,
	"sender_id" text NOT NULL,
	"choices" jsonb NOT NULL,
	"guests" integer DEFAULT 0 NOT NULL,
	"responded_at" timestamp with time zone NOT NULL,
	CONSTRAINT "responses_instance_id_chat_id_wa_id_sender_id_pk" PRIMARY KEY("instance_id","chat_id","wa_id","sender_id")
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "rate_windows" (
	"subject" text PRIMARY KEY NOT NULL,
	"used" integer NOT NULL,
	"ends_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "fleet" (
	"id" boolean PRIMARY KEY DEFAULT true NOT NULL CHECK ("id"),
	"stopped" boolean DEFAULT false NOT NULL,
	"restart_at" timestamp with time zone,
	"by_user" uuid,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "cpu_ms" bigint;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "rss_bytes" bigint;--> statement-breakpoint
ALTER TABLE "broadcasts" ADD CONSTRAINT "broadcasts_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "channels" ADD CONSTRAINT "channels_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "label_targets" ADD CONSTRAINT "label_targets_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "labels" ADD CONSTRAINT "labels_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "responses" ADD CONSTRAINT "responses_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "broadcasts_instance" ON "broadcasts" USING btree ("instance_id","created_at");--> statement-breakpoint
CREATE INDEX "channels_muted_until" ON "channels" USING btree ("muted_until");--> statement-breakpoint
CREATE INDEX "label_targets_chat" ON "label_targets" USING btree ("instance_id","chat_id");--> statement-breakpoint
CREATE INDEX "rate_windows_ends" ON "rate_windows" USING btree ("ends_at");