-- A message that the history stored first gets a new id when it arrives (`promoteImported`). NOT VALID: the rows were valid before,
-- and a validation would lock large tables.
ALTER TABLE "auto_reads" DROP CONSTRAINT "auto_reads_message_id_messages_id_fk";
--> statement-breakpoint
ALTER TABLE "message_receipts" DROP CONSTRAINT "message_receipts_message_id_messages_id_fk";
--> statement-breakpoint
ALTER TABLE "message_search" DROP CONSTRAINT "message_search_message_id_messages_id_fk";
--> statement-breakpoint
ALTER TABLE "auto_reads" ADD CONSTRAINT "auto_reads_message_id_messages_id_fk" FOREIGN KEY ("message_id") REFERENCES "public"."messages"("id") ON DELETE cascade ON UPDATE cascade NOT VALID;--> statement-breakpoint
ALTER TABLE "message_receipts" ADD CONSTRAINT "message_receipts_message_id_messages_id_fk" FOREIGN KEY ("message_id") REFERENCES "public"."messages"("id") ON DELETE cascade ON UPDATE cascade NOT VALID;--> statement-breakpoint
ALTER TABLE "message_search" ADD CONSTRAINT "message_search_message_id_messages_id_fk" FOREIGN KEY ("message_id") REFERENCES "public"."messages"("id") ON DELETE cascade ON UPDATE cascade NOT VALID;