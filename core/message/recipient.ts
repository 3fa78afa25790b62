import * as z from "zod";

/**
 * The recipient of a message, as people write it: a phone number with or without `+`, `00`, spaces, dots, dashes and
 * brackets, or a JID (`…@s.whatsapp.net`, `…@c.us`, `…@lid`, `…@g.us`). Parsed to a JID without a device.
 */
export const recipient = z
  .string()
  .max(128)
  .transform((value, context) => {
    const jid = toJid(value);
    if (jid) return jid;
    const message = value.trim().endsWith("@broadcast")
      ? notToBroadcasts
      : isChannelJid(value.trim())
        ? "must not be a channel, which accepts only texts and files"
        : "must be an international phone number or a WhatsApp JID";
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

const notToBroadcasts =
  "must not be a WhatsApp broadcast list, which linked devices cannot use: create a list with POST /api/broadcasts/{instanceId} and send to it with POST /api/broadcasts/{instanceId}/{broadcastId}/send, or post a status with POST /api/status/{instanceId}/text";

const person = /^([1-9][0-9]{6,14})(?::[0-9]+)?@(?:s\.whatsapp\.net|c\.us)$/;
const lid = /^([0-9]{5,20})(?::[0-9]+)?@lid$/;
const group = /^[0-9]{5,25}(?:-[0-9]{5,15})?@g\.us$/;

/**
 * Returns the JID for a spelling of a recipient, or undefined. ITU-T E.164 allows at most 15 digits, and the first
 * digit is not 0.
 */
export function toJid(value: string): string | undefined {
  const text = value.trim();
  if (text.includes("@")) {
    const number = person.exec(text)?.[1];
    if (number) return `${number}@s.whatsapp.net`;
    const hidden = lid.exec(text)?.[1];
    if (hidden) return `${hidden}@lid`;
    return group.test(text) ? text : undefined;
  }
  if (!/^\+?[0-9 ().\-/\u00a0\u2010-\u2015]+$/.test(text)) return undefined;
  const digits = text.replace(/[^0-9]/g, "").replace(/^00/, "");
  return /^[1-9][0-9]{6,14}$/.test(digits) ? `${digits}@s.whatsapp.net` : undefined;
}

export const isGroupJid = (jid: string) => jid.endsWith("@g.us");
export const isLidJid = (jid: string) => jid.endsWith("@lid");
export const isChannelJid = (jid: string) => jid.endsWith("@newsletter");

/** Returns the digits of a phone number JID, or null for any other JID. */
export const phoneNumberOf = (jid: string): string | null => /^([0-9]+)@s\.whatsapp\.net$/.exec(jid)?.[1] ?? null;

/** Returns the JID of a channel that is given with or without `@newsletter`, or undefined. */
export function toChannelJid(value: string): string | undefined {
  const digits = /^([0-9]{10,25}(?:-[0-9]{5,15})?)(?:@newsletter)?$/.exec(value.trim())?.[1];
  return digits && `${digits}@newsletter`;
}

/** Like `recipient`, or the JID of a channel (`…@newsletter`). */
export const destination = z
  .string()
  .max(128)
  .transform((value, context) => {
    const channel = value.includes("@") ? toChannelJid(value) : undefined;
    if (channel) return channel;
    const parsed = recipient.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const { message } of parsed.error.issues) context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
