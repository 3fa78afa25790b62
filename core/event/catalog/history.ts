import * as z from "zod";
import { historyPhases } from "../../history/history.sql.ts";
import { defineEvent } from "./define.ts";

const totals = {
  /** Messages that were read from the history since the link, including those that had already arrived. */
  messages: z.number().int(),
  /** Chats that have messages now. */
  chats: z.number().int(),
  /** People and groups that are known now. */
  contacts: z.number().int(),
  /** Parts of the history that could not be imported. */
  failedParts: z.number().int(),
};

export const progress = defineEvent({
  type: "history.progress",
  summary: "A part of the history from before the link was imported",
  data: z.object({
    /** What the part contains: the newest messages, about three months, about a year, or names. */
    phase: z.enum(historyPhases),
    /** How much of the phase the phone has sent, as it states. Null if it doesn't. */
    percent: z.number().int().min(0).max(100).nullable(),
    /** Why the part could not be imported. Null if it was. */
    error: z.string().nullable(),
    ...totals,
  }),
});

export const completed = defineEvent({
  type: "history.completed",
  summary: "The history from before the link is imported",
  data: z.object({
    /** `finished`: the phone has sent everything. `paused`: it has sent nothing for two minutes. More may follow. */
    reason: z.enum(["finished", "paused"]),
    ...totals,
  }),
});
