import { boolean, index, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";
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

/** The envelope of a message: everything that its content does not contain. */
export interface NoteEnvelope {
  /** WhatsApp's key of the message, as Baileys reads it from the stanza. */
  key: Record<string, string | boolean | null | undefined>;
  pushName: string | null;
  /** Unix seconds. */
  seconds: number;
}

/**
 * Messages about a message that the history lacks: edits, deletions, and sealed messages whose key is in that message.
 * They take effect when that message arrives.
 */
export const waitingNotes = pgTable(
  "waiting_notes",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** WhatsApp's id of the message that is awaited. */
    targetId: text("target_id").notNull(),
    /** WhatsApp's id of the waiting message, and the JID of its sender (empty for the account itself). */
    noteId: text("note_id").notNull(),
    senderId: text("sender_id").notNull(),
    envelope: jsonb().$type<NoteEnvelope>().notNull(),
    /** The encoded `proto.Message`. */
    payload: bytea().notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.instanceId, table.targetId, table.noteId, table.senderId] }),
    index("waiting_notes_newest").on(table.instanceId, table.createdAt),
    index("waiting_notes_created").on(table.createdAt),
  ],
);
