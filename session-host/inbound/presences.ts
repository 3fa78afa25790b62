import { jidNormalizedUser, type PresenceData, type WASocket } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";

/** The latest presence of one person in one chat. JIDs as WhatsApp spelled them. */
export interface Presence {
  chat: string;
  person: string;
  state: "available" | "unavailable" | "composing" | "recording";
  /** Unix seconds; null if WhatsApp did not say. */
  lastSeen: number | null;
  /** When we learned it, in milliseconds since the epoch. */
  at: number;
}

/** Across all chats of a connection; one group can have a thousand members. */
const maxPeople = 2_000;

/** The presences that one connection reports. */
export class PresenceBook {
  readonly #latest = new LRUCache<string, Presence>({ max: maxPeople });

  listen(sock: WASocket): void {
    sock.ev.on("presence.update", ({ id, presences }) => {
      const chat = jidNormalizedUser(id);
      for (const [participant, data] of Object.entries(presences)) {
        const person = jidNormalizedUser(participant);
        const lastSeen = data.lastSeen ?? null;
        this.#latest.set(`${chat} ${person}`, { chat, person, state: stateOf(data), lastSeen, at: Date.now() });
      }
    });
  }

  /** Returns the presences in all chats. */
  all(): Presence[] {
    return [...this.#latest.values()];
  }
}

/** Baileys passes on the tag of any child of a `chatstate` stanza. */
function stateOf({ lastKnownPresence: state }: PresenceData): Presence["state"] {
  return state === "composing" || state === "recording" || state === "unavailable" ? state : "available";
}
