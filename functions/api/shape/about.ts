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
  /** The newest 100 reactions, newest first, one for each person. */
  reactions: z.array(
    z.object({
      emoji: z.string(),
      /** JID of the person; null for the account itself. */
      participant: z.string().nullable(),
      lid: z.string().nullable(),
      pushName: z.string().nullable(),
      fromMe: z.boolean(),
      timestamp: isoDate,
    }),
  ),
  /** Who pinned the message in its chat, and until when; null if the message isn't pinned now. */
  pinned: z
    .object({
      /** JID of the person; null for the account itself. */
      participant: z.string().nullable(),
      timestamp: isoDate,
      until: isoDate.nullable(),
    })
    .nullable(),
  /** Whether the message is kept although the messages of its chat disappear. */
  kept: z.boolean(),
};

export function aboutOf(stored: HistoryMessage): z.output<z.ZodObject<typeof aboutShape>> {
  return {
    editedAt: stored.editedAt?.toISOString() ?? null,
    deleted: stored.deletedAt !== null,
    deletedAt: stored.deletedAt?.toISOString() ?? null,
    reactions: stored.reactions.map(({ emoji, senderId, senderLid, pushName, reactedAt }) => ({
      ...{ emoji, participant: senderId || null, lid: senderLid, pushName, fromMe: senderId === "" },
      timestamp: iso(reactedAt),
    })),
    pinned: stored.pin && {
      participant: stored.pin.senderId || null,
      timestamp: iso(stored.pin.markedAt),
      until: stored.pin.until === null ? null : iso(stored.pin.until),
    },
    kept: stored.keep !== null,
  };
}

const iso = (ms: number) => new Date(ms).toISOString();
