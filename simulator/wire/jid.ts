/**
 * A WhatsApp address. `user` is a phone number, the user part of a LID, or the id of a group or channel. `device` 0 is the
 * phone.
 */
export type Jid = { user: string; server: string; device: number };

export const PN_SERVER = "s.whatsapp.net";
export const LID_SERVER = "lid";
/** Servers of the JIDs of hosted devices, by phone number and by LID. Source: whatsmeow, types/jid.go. */
export const HOSTED_SERVER = "hosted";
export const HOSTED_LID_SERVER = "hosted.lid";
export const GROUP_SERVER = "g.us";
export const CHANNEL_SERVER = "newsletter";
/** The JID of the server. Baileys expects exactly this text (`S_WHATSAPP_NET` in WABinary/jid-utils.ts). */
export const SERVER_JID = "@s.whatsapp.net";
/** The chat that contains all status posts. */
export const STATUS_JID = "status@broadcast";

/** Throws if the text has no `@`. */
export function parseJid(text: string): Jid {
  const at = text.indexOf("@");
  if (at < 0) throw new Error(`${JSON.stringify(text)} is not a JID`);
  const server = text.slice(at + 1);
  const colon = text.indexOf(":");
  if (colon < 0 || colon > at) return { user: text.slice(0, at), server, device: 0 };
  return { user: text.slice(0, colon), server, device: Number(text.slice(colon + 1, at)) };
}

export function formatJid(user: string, server: string, device = 0): string {
  return device === 0 ? `${user}@${server}` : `${user}:${device}@${server}`;
}

/** Removes the device from a JID. */
export function userJid(text: string): string {
  const { user, server } = parseJid(text);
  return `${user}@${server}`;
}

/** Returns the JID of a phone number in any notation. Returns a JID unchanged. */
export function toJid(address: string): string {
  return address.includes("@") ? address : formatJid(address.replace(/\D/g, ""), PN_SERVER);
}

export const isLidServer = (server: string): boolean => server === LID_SERVER || server === HOSTED_LID_SERVER;
export const isGroupJid = (text: string): boolean => text.endsWith(`@${GROUP_SERVER}`);
export const isLidJid = (text: string): boolean => text.endsWith(`@${LID_SERVER}`);
export const isChannelJid = (text: string): boolean => text.endsWith(`@${CHANNEL_SERVER}`);
/** Whether the JID is that of a broadcast list on somebody's phone. */
export const isListJid = (text: string): boolean => text.endsWith("@broadcast") && text !== STATUS_JID;
/** Whether envelopes in this chat name the author in `participant`, because `from` is the chat. */
export const hasParticipants = (text: string): boolean => isGroupJid(text) || text.endsWith("@broadcast");
