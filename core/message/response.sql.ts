import { integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/** What one may answer to an event. */
export const responseAnswers = ["going", "notGoing", "maybe"] as const;
export type ResponseAnswer = (typeof responseAnswers)[number];

/** What each person last answered to a poll or to an event: WhatsApp sends a whole new answer, encrypted, for each change. */
export const responses = pgTable(
  "responses",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    chatId: text("chat_id").notNull(),
    /** WhatsApp's id of the poll or event. */
    waId: text("wa_id").notNull(),
    /** JID of who answered, by phone number where it is known; empty for us. */
    senderId: text("sender_id").notNull(),
    /** Of a poll the options chosen, none when the vote was taken back; of an event `going`, `notGoing` or `maybe`. */
    choices: jsonb().$type<string[]>().notNull(),
    /** Whom they bring along to an event. */
    guests: integer().notNull().default(0),
    respondedAt: instant("responded_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.chatId, table.waId, table.senderId] })],
);
