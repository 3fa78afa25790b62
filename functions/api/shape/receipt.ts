import * as z from "zod";
import { messageStatuses } from "../../../core/message/message.sql.ts";
import type { MessageReceipts } from "../../../core/message/receipt.ts";
import { numberOf } from "../../../core/webhook/body/field.ts";
import { isoDate } from "./common.ts";

/** Who has received, read and played a message of the account. */
export const messageReceipts = z.object({
  messageId: z.string(),
  chatId: z.string(),
  /** A group message is `delivered` and `read` when each member has received and read it. */
  status: z.enum(messageStatuses),
  /** The number of people to whom the message was sent; null if it is not known. */
  recipientCount: z.int().nullable(),
  receipts: z.array(
    z.object({
      /** JID, by phone number if it is known. */
      participant: z.string(),
      phoneNumber: z.string().nullable(),
      lid: z.string().nullable(),
      deliveredAt: isoDate,
      readAt: isoDate.nullable(),
      /** When the person listened to a voice note. */
      playedAt: isoDate.nullable(),
    }),
  ),
});

export const toMessageReceipts = ({
  messageId,
  chatId,
  status,
  recipients,
  receipts,
}: MessageReceipts): z.input<typeof messageReceipts> => ({
  messageId,
  chatId,
  status,
  recipientCount: recipients,
  receipts: receipts.map(({ jid, lid, deliveredAt, readAt, playedAt }) => ({
    participant: jid,
    phoneNumber: numberOf(jid),
    lid,
    deliveredAt: deliveredAt.toISOString(),
    readAt: readAt?.toISOString() ?? null,
    playedAt: playedAt?.toISOString() ?? null,
  })),
});
