import { createHash } from "node:crypto";
import { jidDecode } from "@whiskeysockets/baileys";

/**
 * Returns the hash of a list of devices (`phash`) as WhatsApp computes it. Source: `participantListHashV2` in
 * whatsmeow's send.go, and `phashV2` in WhatsApp Web's module WAWebPhashUtils. Baileys' `generateParticipantHashV2`
 * (7.0.0-rc14) writes the JIDs in another form and cuts the hash short.
 */
export function participantHash(devices: Iterable<string>): string {
  const names = [...new Set([...devices].map(fullJid))].sort();
  const digest = createHash("sha256").update(names.join("")).digest();
  return `2:${digest.subarray(0, 6).toString("base64")}`;
}

/** Returns a device's JID with its agent and its device number, for example `4915550000002.0:0@s.whatsapp.net`. */
function fullJid(jid: string): string {
  const { user = "", server = "", device = 0 } = jidDecode(jid) ?? {};
  return `${user}.0:${device}@${server}`;
}
