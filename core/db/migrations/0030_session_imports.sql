CREATE TABLE "session_imports" (
	"instance_id" uuid PRIMARY KEY NOT NULL,
	"device" text NOT NULL,
	"bundle" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "device" text;--> statement-breakpoint
ALTER TABLE "session_imports" ADD CONSTRAINT "session_imports_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "session_imports_device" ON "session_imports" USING btree ("device");--> statement-breakpoint
CREATE INDEX "instances_device" ON "instances" USING btree ("device");