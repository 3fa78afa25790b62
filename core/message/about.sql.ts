import { boolean, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/** The message that a row is about. The history may lack this message. */
const target = {
  instanceId: uuid("instance_id")
    .notNull()
    .references(() => instances.id, { onDelete: "cascade" }),
  chatId: text("chat_id").notNull(),
  /** WhatsApp's id of the message. */
  waId: text("wa_id").notNull(),
};

/** Each person's latest reaction to a message. */
export const reactions = pgTable(
  "reactions",
  {
    ...target,
    /** JID of the person, by phone number if it is known. Empty for the account itself. */
    senderId: text("sender_id").notNull(),
    senderLid: text("sender_lid"),
    pushName: text("push_name"),
    /** Empty if the person removed the reaction. The row then still has the time, so that an older reaction is ignored. */
    emoji: text().notNull(),
    reactedAt: instant("reacted_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.chatId, table.waId, table.senderId] })],
);

/** `pin`: pinned in its chat. `keep`: kept although the messages of its chat disappear. */
export const markKinds = ["pin", "keep"] as const;
export type MarkKind = (typeof markKinds)[number];

/** The latest pin and the latest keep of a message, or their removal. */
export const messageMarks = pgTable(
  "message_marks",
  {
    ...target,
    kind: text({ enum: markKinds }).notNull(),
    /** Whether the message has the mark, or somebody removed it. */
    active: boolean().notNull(),
    /** JID of the person, by phone number if it is known. Empty for the account itself. */
    senderId: text("sender_id").notNull(),
    markedAt: instant("marked_at").notNull(),
    /** When a pin ends. */
    until: instant("until"),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.chatId, table.waId, table.kind] })],
);
