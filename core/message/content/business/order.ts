import * as z from "zod";
import { defineContent } from "../define.ts";
import { thumbnail } from "../field.ts";
import { firstText, messageReference, money, thousandthsOf } from "../parts.ts";

export const order = defineContent({
  kind: "order",
  summary: "An order from the catalog of a business",
  schema: z.object({
    kind: z.literal("order"),
    orderId: z.string(),
    /** With the order's id, it lets the seller read the items of the order. */
    token: z.string().nullable(),
    title: z.string(),
    /** What the customer wrote. */
    text: z.string(),
    itemCount: z.number().int().nullable(),
    total: money.nullable(),
    status: z.enum(["inquiry", "accepted", "declined"]).nullable(),
    /** JID of the seller. */
    sellerId: z.string().nullable(),
    /** The message that requested the order. */
    request: messageReference.nullable(),
    /** The picture of the first item. */
    thumbnail,
  }),
  text: ({ text, title, orderId }) => firstText(text, title, orderId && `Order ${orderId}`, "Order"),
  protobuf: ({ orderId, token, title, text, itemCount, total, sellerId, thumbnail: picture }) => ({
    orderId,
    token: token ?? undefined,
    orderTitle: title || undefined,
    message: text || undefined,
    itemCount: itemCount ?? undefined,
    totalAmount1000: thousandthsOf(total),
    totalCurrencyCode: total?.currency ?? undefined,
    sellerJid: sellerId ?? undefined,
    thumbnail: picture,
  }),
});
