import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText, keyOf, messageReference, money, moneyText, secondsOf, thousandthsOf } from "../parts.ts";

const actions = {
  sent: "Payment",
  requested: "Payment request",
  declined: "Payment request declined",
  canceled: "Payment request canceled",
};

export const payment = defineContent({
  kind: "payment",
  summary: "A payment, a request for one, or the end of such a request",
  schema: z.object({
    kind: z.literal("payment"),
    action: z.enum(["sent", "requested", "declined", "canceled"]),
    /** What the sender wrote. */
    note: z.string(),
    /** WhatsApp states the amount of requests only. */
    amount: money.nullable(),
    /** JID of the person who is asked to pay. */
    requestedFrom: z.string().nullable(),
    /** When the request expires, in ISO 8601. */
    expiresAt: z.string().nullable(),
    /** The request that this payment, refusal or cancellation belongs to. */
    request: messageReference.nullable(),
  }),
  text: ({ action, note, amount }) => firstText(note, [actions[action], moneyText(amount)].filter(Boolean).join(": ")),
  protobuf: ({ action, note, amount, requestedFrom, expiresAt, request }) => {
    if (action === "declined" || action === "canceled") return { key: keyOf(request) };
    const noteMessage = note ? { extendedTextMessage: { text: note } } : undefined;
    if (action === "sent") return { noteMessage, requestMessageKey: keyOf(request) };
    return {
      noteMessage,
      amount1000: thousandthsOf(amount),
      currencyCodeIso4217: amount?.currency ?? undefined,
      requestFrom: requestedFrom ?? undefined,
      expiryTimestamp: secondsOf(expiresAt),
    };
  },
});

const services = { fbpay: "Facebook Pay", novi: "Novi", upi: "UPI" };

export const paymentInvite = defineContent({
  kind: "paymentInvite",
  summary: "An invitation to set up payments",
  schema: z.object({
    kind: z.literal("paymentInvite"),
    service: z.enum(["fbpay", "novi", "upi"]).nullable(),
    /** In ISO 8601. */
    expiresAt: z.string().nullable(),
  }),
  text: ({ service }) => `Invitation to payments${service ? ` with ${services[service]}` : ""}`,
  protobuf: ({ service, expiresAt }) => ({
    serviceType: service?.toUpperCase(),
    expiryTimestamp: secondsOf(expiresAt),
  }),
});

export const invoice = defineContent({
  kind: "invoice",
  summary: "An invoice. Its picture or PDF is the file of the message",
  schema: z.object({
    kind: z.literal("invoice"),
    note: z.string(),
    token: z.string().nullable(),
    attachment: z.enum(["image", "pdf"]),
  }),
  text: ({ note }) => firstText(note, "Invoice"),
  protobuf: ({ note, token }) => ({ note, token: token ?? undefined }),
});
