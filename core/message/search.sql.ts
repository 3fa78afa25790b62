import { boolean, customType, index, pgTable, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { messages } from "./message.sql.ts";

const tsvector = customType<{ data: string; driverData: string }>({ dataType: () => "tsvector" });

/**
 * The search index of messages: the parts of the words of each message that has text. A trigger on `messages` maintains
 * it. See `core/message/search/words.ts`.
 */
export const messageSearch = pgTable(
  "message_search",
  {
    messageId: uuid("message_id")
      .primaryKey()
      .references(() => messages.id, { onDelete: "cascade", onUpdate: "cascade" }),
    /** Without a reference, because the row of the message has one. */
    instanceId: uuid("instance_id").notNull(),
    /** As in `messages`, so that the newest matches are found without reading their messages. */
    sentAt: instant("sent_at").notNull(),
    /** Each part begins with a key of the instance, so that a search reads only what belongs to its instance. */
    words: tsvector().notNull(),
  },
  // A short list of pending entries, because each search reads all of it, and because a write that fills it empties it.
  (table) => [index("message_search_words").using("gin", table.words).with({ gin_pending_list_limit: 512 })],
);

/** The indexing of messages that are older than the search index. The row is deleted when it is done; one row at most. */
export const searchBackfill = pgTable("search_backfill", {
  id: boolean().primaryKey().default(true),
  /** All messages up to this id are indexed. */
  after: uuid().notNull(),
});
