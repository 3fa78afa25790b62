/** A WhatsApp address. `device` 0 is the phone; `user` is a phone number, a LID or a group id. */
export type Jid = { user: string; server: string; device: number };

export const PN_SERVER = "s.whatsapp.net";
export const LID_SERVER = "lid";
export const GROUP_SERVER = "g.us";
/** How the server names itself; Baileys compares with this exact text. */
export const SERVER_JID = "@s.whatsapp.net";

/** Throws on text that is no address. */
export function parseJid(text: string): Jid {
  const at = text.indexOf("@");
  if (at < 0) throw new Error(`not a JID: ${JSON.stringify(text)}`);
  const server = text.slice(at + 1);
  const colon = text.indexOf(":");
  if (colon < 0 || colon > at) return { user: text.slice(0, at), server, device: 0 };
  return { user: text.slice(0, colon), server, device: Number(text.slice(colon + 1, at)) };
}

export function formatJid(user: string, server: string, device = 0): string {
  return device === 0 ? `${user}@${server}` : `${user}:${device}@${server}`;
}

export function userJid(text: string): string {
  const { user, server } = parseJid(text);
  return `${user}@${server}`;
}

export const isGroupJid = (text: string): boolean => text.endsWith("@g.us");
/** The chat that all status posts are in. */
export const STATUS_JID = "status@broadcast";
/** Where an envelope names the chat and, beside it, who wrote. */
export const hasParticipants = (text: string): boolean => isGroupJid(text) || text === STATUS_JID;
export const isLidJid = (text: string): boolean => text.endsWith("@lid");
