import { jidNormalizedUser, type PresenceData, type WASocket } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";

/** What WhatsApp told last of one person in one chat. JIDs as it named them. */
export interface KeptPresence {
  chat: string;
  person: string;
  state: "available" | "unavailable" | "composing" | "recording";
  /** Unix seconds; null when it was not told. */
  lastSeen: number | null;
  /** Milliseconds since the epoch. */
  at: number;
}

/** People, in all chats of a connection together; a group may have a thousand. */
const most = 2_000;

const books = new WeakMap<WASocket, LRUCache<string, KeptPresence>>();

/** Keeps, as long as there is the socket, what is told on it of presence. */
export function keepPresence(sock: WASocket): void {
  const book = new LRUCache<string, KeptPresence>({ max: most });
  books.set(sock, book);
  sock.ev.on("presence.update", ({ id, presences }) => {
    const chat = jidNormalizedUser(id);
    for (const [participant, told] of Object.entries(presences)) {
      const person = jidNormalizedUser(participant);
      book.set(`${chat} ${person}`, {
        chat,
        person,
        at: Date.now(),
        lastSeen: told.lastSeen ?? null,
        state: stateOf(told),
      });
    }
  });
}

/** What was told on this socket, of all chats. */
export function presencesOn(sock: WASocket): KeptPresence[] {
  return [...(books.get(sock)?.values() ?? [])];
}

/** Baileys hands on whatever stands in a `chatstate`. */
function stateOf({ lastKnownPresence: state }: PresenceData): KeptPresence["state"] {
  return state === "composing" || state === "recording" || state === "unavailable" ? state : "available";
}
