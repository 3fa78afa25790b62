import * as z from "zod";
import { AppError } from "../../../error.ts";
import { assertQuotable } from "../../../message/find.ts";
import { messageId } from "../../../message/id.ts";
import { isGroupJid, recipient } from "../../../message/recipient.ts";
import type { PrecheckContext } from "../define.ts";

export { maxTextBytes, text } from "../../../message/text.ts";

/** A line of text, of at most this many characters. */
export const line = (maxLength: number) => z.string().trim().min(1).max(maxLength);

export const webUrl = z.url({ protocol: /^https?$/ }).max(2048);

/** The parts of a link's preview that the caller gives. Absent parts are read from the page if the title is absent. */
export const previewFields = {
  title: line(300).optional(),
  description: line(1000).optional(),
  /**
   * URL of the preview's picture. Without ffmpeg on the session host, a small picture needs a JPEG of at most 32 KiB, and a
   * large one a JPEG of at most 512 KiB and 1600 pixels.
   */
  image: webUrl.optional(),
};

/** The output of every send. */
export const sent = z.object({ messageId: z.string() });

const person = recipient.refine((jid) => !isGroupJid(jid), "must be a person");

/** What any message may have in addition to its content. */
export const contextFields = {
  /** WhatsApp's id of the message of this chat that this one replies to. */
  quoted: messageId.optional(),
  /** People to mention. WhatsApp highlights `@` and the digits of the number where the text contains them. */
  mentions: z.array(person).max(100).optional(),
  /** Source: `mentionAll` in Baileys' Utils/messages.js (https://github.com/WhiskeySockets/Baileys/pull/2396). */
  mentionAll: z.boolean().optional().meta({
    description:
      "Whether to mention all members of a group. WhatsApp highlights `@all` where the text contains it. Only in groups",
  }),
};

/**
 * The precheck of a message with `contextFields`: refuses to quote a message that the chat does not have, and to mention
 * all outside groups.
 */
export async function checkContext(
  { db, instanceId }: PrecheckContext,
  { to, quoted, mentionAll }: { to: string; quoted?: string | undefined; mentionAll?: boolean | undefined },
): Promise<void> {
  if (mentionAll && !isGroupJid(to)) throw new AppError("invalid_request", "mentionAll: only in groups");
  if (quoted !== undefined) await assertQuotable(db, instanceId, quoted, to);
}
