ALTER TABLE "session_imports" ADD COLUMN "attempts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE "instances" SET "device" = NULL WHERE "device" LIKE '%:%';--> statement-breakpoint
DELETE FROM "session_imports" WHERE "device" LIKE '%:%';
