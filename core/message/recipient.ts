import * as z from "zod";

/**
 * Who a message goes to, as people write it: a phone number with or without `+`, `00`, spaces, dots, dashes and brackets,
 * or a JID (`…@s.whatsapp.net`, `…@c.us`, `…@lid`, `…@g.us`). Read as a JID without a device.
 */
export const recipient = z
  .string()
  .max(128)
  .transform((value, context) => {
    const jid = toJid(value);
    if (jid) return jid;
    context.addIssue({ code: "custom", message: "must be an international phone number or a WhatsApp JID" });
    return z.NEVER;
  });

const person = /^([1-9][0-9]{6,14})(?::[0-9]+)?@(?:s\.whatsapp\.net|c\.us)$/;
const lid = /^([0-9]{5,20})(?::[0-9]+)?@lid$/;
const group = /^[0-9]{5,25}(?:-[0-9]{5,15})?@g\.us$/;

/** The JID that is meant, or undefined when it cannot be one. ITU-T E.164: at most 15 digits, the first is not 0. */
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
