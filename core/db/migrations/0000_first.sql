CREATE SEQUENCE "public"."command_position" INCREMENT BY 1024 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE TABLE "activities" (
	"id" uuid PRIMARY KEY NOT NULL,
	"instance_id" uuid NOT NULL,
	"action" text NOT NULL,
	"details" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "commands" (
	"id" uuid PRIMARY KEY NOT NULL,
	"instance_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"shard" integer NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"input" jsonb NOT NULL,
	"wa_id" text,
	"status" text DEFAULT 'queued' NOT NULL,
	"output" jsonb,
	"error_code" text,
	"error_details" text,
	"position" bigint,
	"attempts" integer DEFAULT 0 NOT NULL,
	"correlation_id" text NOT NULL,
	"deadline" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"user_id" uuid NOT NULL,
	"key" text NOT NULL,
	"request_hash" "bytea" NOT NULL,
	"command_id" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "data_keys" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "data_keys_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"wrapped_by" text NOT NULL,
	"wrapped" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"instance_id" uuid NOT NULL,
	"shard" integer NOT NULL,
	"position" bigint GENERATED ALWAYS AS IDENTITY (sequence name "events_position_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"seq" bigint NOT NULL,
	"type" text NOT NULL,
	"data" jsonb NOT NULL,
	"correlation_id" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"emitted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "instances" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"dialect" text NOT NULL,
	"shard" integer NOT NULL,
	"desired" text DEFAULT 'running' NOT NULL,
	"status" text DEFAULT 'disconnected' NOT NULL,
	"status_reason" text,
	"status_at" timestamp with time zone DEFAULT now() NOT NULL,
	"connected_at" timestamp with time zone,
	"linked_at" timestamp with time zone,
	"phone_number" text,
	"lid" text,
	"push_name" text,
	"qr" "bytea",
	"qr_expires_at" timestamp with time zone,
	"pairing_code" "bytea",
	"pairing_code_expires_at" timestamp with time zone,
	"webhook_url" text,
	"webhook_enabled" boolean DEFAULT true NOT NULL,
	"webhook_secret" "bytea",
	"webhook_headers" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"notify_received" boolean DEFAULT true NOT NULL,
	"notify_sent" boolean DEFAULT true NOT NULL,
	"notify_delivery" boolean DEFAULT true NOT NULL,
	"notify_read" boolean DEFAULT true NOT NULL,
	"max_retries" integer DEFAULT 5 NOT NULL,
	"retry_interval" integer DEFAULT 60000 NOT NULL,
	"event_seq" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"instance_id" uuid NOT NULL,
	"wa_id" text NOT NULL,
	"chat_id" text NOT NULL,
	"from_me" boolean NOT NULL,
	"sender_id" text DEFAULT '' NOT NULL,
	"sender_lid" text,
	"push_name" text,
	"type" text NOT NULL,
	"proto_type" text NOT NULL,
	"body" text DEFAULT '' NOT NULL,
	"media" jsonb,
	"context" jsonb,
	"status" text NOT NULL,
	"error" text,
	"payload" "bytea",
	"sent_at" timestamp with time zone NOT NULL,
	"delivered_at" timestamp with time zone,
	"read_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "session_inbox" (
	"instance_id" uuid NOT NULL,
	"wa_id" text NOT NULL,
	"hash" "bytea" NOT NULL,
	"plaintext" "bytea" NOT NULL,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "session_inbox_instance_id_wa_id_hash_pk" PRIMARY KEY("instance_id","wa_id","hash")
);
--> statement-breakpoint
CREATE TABLE "session_keys" (
	"instance_id" uuid NOT NULL,
	"type" text NOT NULL,
	"key_id" text NOT NULL,
	"value" "bytea" NOT NULL,
	CONSTRAINT "session_keys_instance_id_type_key_id_pk" PRIMARY KEY("instance_id","type","key_id")
);
--> statement-breakpoint
CREATE TABLE "hosts" (
	"id" text PRIMARY KEY NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"seen_at" timestamp with time zone NOT NULL,
	"draining_since" timestamp with time zone,
	"version" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "shards" (
	"id" integer PRIMARY KEY NOT NULL,
	"host" text,
	"epoch" bigint DEFAULT 0 NOT NULL,
	"lease_until" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"name" text NOT NULL,
	"hash" "bytea" NOT NULL,
	"ciphertext" "bytea" NOT NULL,
	"permissions" jsonb NOT NULL,
	"ip_ranges" jsonb,
	"expires_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signing_keys" (
	"kid" text PRIMARY KEY NOT NULL,
	"public_jwk" jsonb NOT NULL,
	"private_ciphertext" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"first_name" text DEFAULT '' NOT NULL,
	"last_name" text DEFAULT '' NOT NULL,
	"password_hash" text NOT NULL,
	"role" text DEFAULT 'user' NOT NULL,
	"disabled_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"delivery_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"duration_ms" integer NOT NULL,
	"status" integer,
	"error" text,
	"response" text,
	"headers" jsonb
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"id" uuid PRIMARY KEY NOT NULL,
	"instance_id" uuid NOT NULL,
	"event_id" uuid NOT NULL,
	"event_seq" bigint NOT NULL,
	"event_type" text NOT NULL,
	"url" text NOT NULL,
	"body" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "activities" ADD CONSTRAINT "activities_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "commands" ADD CONSTRAINT "commands_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "commands" ADD CONSTRAINT "commands_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_command_id_commands_id_fk" FOREIGN KEY ("command_id") REFERENCES "public"."commands"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "instances" ADD CONSTRAINT "instances_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "session_inbox" ADD CONSTRAINT "session_inbox_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "session_keys" ADD CONSTRAINT "session_keys_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_delivery_id_deliveries_id_fk" FOREIGN KEY ("delivery_id") REFERENCES "public"."deliveries"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "activities_instance" ON "activities" USING btree ("instance_id","created_at");--> statement-breakpoint
CREATE INDEX "commands_open" ON "commands" USING btree ("shard","position") WHERE status = 'claimed';--> statement-breakpoint
CREATE INDEX "commands_queued" ON "commands" USING btree ("created_at") WHERE status = 'queued';--> statement-breakpoint
CREATE INDEX "commands_instance" ON "commands" USING btree ("instance_id","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "idempotency_identity" ON "idempotency_keys" USING btree ("user_id","key");--> statement-breakpoint
CREATE INDEX "idempotency_age" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "idempotency_command" ON "idempotency_keys" USING btree ("command_id");--> statement-breakpoint
CREATE UNIQUE INDEX "events_instance_seq" ON "events" USING btree ("instance_id","seq");--> statement-breakpoint
CREATE INDEX "events_outbox" ON "events" USING btree ("shard","position") WHERE emitted_at is null;--> statement-breakpoint
CREATE INDEX "instances_user" ON "instances" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE INDEX "instances_shard" ON "instances" USING btree ("shard") WHERE desired = 'running' or deleted_at is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "messages_identity" ON "messages" USING btree ("instance_id","wa_id","chat_id","sender_id");--> statement-breakpoint
CREATE INDEX "messages_chat" ON "messages" USING btree ("instance_id","chat_id","sent_at","id");--> statement-breakpoint
CREATE INDEX "messages_media_pending" ON "messages" USING btree ("instance_id") WHERE media->>'state' = 'pending';--> statement-breakpoint
CREATE INDEX "session_inbox_received" ON "session_inbox" USING btree ("received_at");--> statement-breakpoint
CREATE INDEX "hosts_seen" ON "hosts" USING btree ("seen_at");--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_hash" ON "api_keys" USING btree ("hash");--> statement-breakpoint
CREATE INDEX "api_keys_user" ON "api_keys" USING btree ("user_id") WHERE revoked_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "users_email" ON "users" USING btree ("email");--> statement-breakpoint
CREATE INDEX "attempts_delivery" ON "attempts" USING btree ("delivery_id","number");--> statement-breakpoint
CREATE UNIQUE INDEX "deliveries_identity" ON "deliveries" USING btree ("event_id","url");--> statement-breakpoint
CREATE INDEX "deliveries_due" ON "deliveries" USING btree ("next_at") WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX "deliveries_line" ON "deliveries" USING btree ("instance_id","event_seq") WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX "deliveries_instance" ON "deliveries" USING btree ("instance_id","created_at");