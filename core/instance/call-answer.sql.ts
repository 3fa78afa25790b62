import { index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "./instance.sql.ts";

/** When a person whose calls are rejected last got the answer, so that a caller who tries again gets no second one. */
export const callAnswers = pgTable(
  "call_answers",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** JID: the LID if WhatsApp tells it, otherwise by phone number. */
    caller: text().notNull(),
    answeredAt: instant("answered_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.instanceId, table.caller] }),
    index("call_answers_age").on(table.answeredAt),
  ],
);
