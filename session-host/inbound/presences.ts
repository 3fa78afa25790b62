import type { PresenceData, WASocket } from "@whiskeysockets/baileys";
import { lruCache } from "../../core/lru.ts";
import { plainJid } from "../baileys/address/jids.ts";

/** The latest presence of one person in one chat. A JID may be a phone number or a LID, as WhatsApp reported it. */
export interface Presence {
  chat: string;
  person: string;
  state: "available" | "unavailable" | "composing" | "recording";
  /** When the person was last seen, in Unix seconds, or null if WhatsApp did not report the time. */
  lastSeen: number | null;
  /** When WhatsApp reported the presence, in milliseconds since 1970. */
  at: number;
}

/** Maximum number of presences across all chats of a connection. One group can have a thousand members. */
const maxPeople = 2_000;

/** The presences that one connection reports. */
export class PresenceBook {
  readonly #latest = lruCache<string, Presence>(maxPeople);

  listen(sock: WASocket): void {
    sock.ev.on("presence.update", ({ id, presences }) => {
      const chat = plainJid(id);
      for (const [participant, data] of Object.entries(presences)) {
        const person = plainJid(participant);
        const lastSeen = data.lastSeen ?? null;
        this.#latest.set(`${chat} ${person}`, { chat, person, state: stateOf(data), lastSeen, at: Date.now() });
      }
    });
  }

  /** Returns the latest presences of all people in all chats. */
  all(): Presence[] {
    return [...this.#latest.values()];
  }
}

/**
 * Returns the state of a presence. Baileys passes on any tag in a `chatstate` stanza, so unknown tags count as
 * `available`.
 */
function stateOf({ lastKnownPresence: state }: PresenceData): Presence["state"] {
  return state === "composing" || state === "recording" || state === "unavailable" ? state : "available";
}
