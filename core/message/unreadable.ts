import * as z from "zod";
import { unreadableReasons } from "./unreadable.sql.ts";

/** What the history keeps about a message without readable content. */
export const unreadableDetails = z.object({
  reason: z.enum(unreadableReasons),
  /** Whether the owner's phone is asked for the content. */
  requested: z.boolean(),
});
export type UnreadableDetails = z.output<typeof unreadableDetails>;

/** The `type` of a message without readable content, in the history. */
export const unreadableType = "unreadable";
