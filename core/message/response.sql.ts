import { integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/** The possible responses to a calendar event. */
export const responseAnswers = ["going", "notGoing", "maybe"] as const;
export type ResponseAnswer = (typeof responseAnswers)[number];

/** Each person's latest response to a poll or a calendar event. For each change, WhatsApp sends a complete new response. */
export const responses = pgTable(
  "responses",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    chatId: text("chat_id").notNull(),
    /** WhatsApp's id of the poll or calendar event. */
    waId: text("wa_id").notNull(),
    /** JID of the respondent, by phone number if it is known. Empty for the account itself. */
    senderId: text("sender_id").notNull(),
    /**
     * For a poll, the chosen options, or an empty list if the vote was withdrawn. For a calendar event, `going`,
     * `notGoing` or `maybe`.
     */
    choices: jsonb().$type<string[]>().notNull(),
    /** The number of guests that the respondent brings to a calendar event. */
    guests: integer().notNull().default(0),
    respondedAt: instant("responded_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.chatId, table.waId, table.senderId] })],
);
