CREATE TABLE "erasures" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"person" text[],
	"proof" "bytea" NOT NULL,
	"status" text DEFAULT 'queued' NOT NULL,
	"instance_id" uuid,
	"step" integer DEFAULT 0 NOT NULL,
	"cursor" text,
	"counts" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"next_at" timestamp with time zone NOT NULL,
	"pass" integer DEFAULT 1 NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"claimed_by" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE INDEX "erasures_open" ON "erasures" USING btree ("next_at") WHERE status not in ('done', 'failed');--> statement-breakpoint
CREATE INDEX "erasures_user" ON "erasures" USING btree ("user_id","created_at");