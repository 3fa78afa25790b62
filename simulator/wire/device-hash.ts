import { sha256 } from "./crypto.ts";
import { parseJid } from "./jid.ts";

/**
 * Returns the hash of a list of devices (`device_hash`, `phash`): of their JIDs with agent and device, sorted. Sources:
 * `participantListHashV2` in whatsmeow's send.go, `ADString` in its types/jid.go, and `phashV2` in WhatsApp Web's module
 * WAWebPhashUtils. `generateParticipantHashV2` in Baileys' Utils/generics.js returns another value: it omits agent and device 0, and cuts the hash after six characters instead of six
 * bytes.
 */
export function deviceHash(jids: string[]): string {
  const full = jids.map((jid) => {
    const { user, server, device } = parseJid(jid);
    return `${user}.0:${device}@${server}`;
  });
  return `2:${sha256(Buffer.from(full.sort().join("")))
    .subarray(0, 6)
    .toString("base64")}`;
}
