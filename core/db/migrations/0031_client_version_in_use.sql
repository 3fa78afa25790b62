ALTER TABLE "hosts" ADD COLUMN "client_version" text;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "client_version_source" text;