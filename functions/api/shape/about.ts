import * as z from "zod";
import type { HistoryMessage } from "../../../core/message/history.ts";
import { isoDate } from "./common.ts";

/** The fields of a message in a history that show what happened to the message later. */
export const aboutShape = {
  /** When the sender last edited the message; null if never. The text is the edited one. */
  editedAt: isoDate.nullable(),
  /** Whether the message was deleted for everyone. The history keeps the text. */
  deleted: z.boolean(),
  deletedAt: isoDate.nullable(),
};

export function aboutOf(stored: HistoryMessage): z.output<z.ZodObject<typeof aboutShape>> {
  return {
    editedAt: stored.editedAt?.toISOString() ?? null,
    deleted: stored.deletedAt !== null,
    deletedAt: stored.deletedAt?.toISOString() ?? null,
  };
}
