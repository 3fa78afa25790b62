import { pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { messages } from "./message.sql.ts";

/** Who has received, read and played a message or status post of the account, and when (WhatsApp's clock). */
export const messageReceipts = pgTable(
  "message_receipts",
  {
    messageId: uuid("message_id")
      .notNull()
      .references(() => messages.id, { onDelete: "cascade", onUpdate: "cascade" }),
    /** JID of the person: by phone number if it is known, otherwise the LID. */
    jid: text().notNull(),
    lid: text(),
    /** If WhatsApp reports only that the person read the message, this is the time of that report. */
    deliveredAt: instant("delivered_at").notNull(),
    readAt: instant("read_at"),
    playedAt: instant("played_at"),
  },
  (table) => [primaryKey({ columns: [table.messageId, table.jid] })],
);
