import { type BinaryNode, type GroupMetadata, getBinaryNodeChild, type WASocket } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";

/** Whoever asks for a group that is not known holds up what is to be sent. */
const patienceMs = 5_000;

const books = new WeakMap<WASocket, LRUCache<string, number>>();

/** Keeps, as long as there is the socket, after how many seconds messages disappear in which group. */
export function keepDisappearing(sock: WASocket): void {
  const book = new LRUCache<string, number>({ max: 5_000 });
  books.set(sock, book);
  // Baileys tells so of whole groups that it has read; of others only what is different. It may tell late: what WhatsApp has said
  // of a change since then is newer.
  const read = (groups: Partial<GroupMetadata>[]) => {
    for (const { id, participants, ephemeralDuration = 0 } of groups)
      if (id && participants && !book.has(id)) book.set(id, ephemeralDuration);
  };
  sock.ev.on("groups.update", read);
  sock.ev.on("groups.upsert", read);
  sock.ws.on("CB:notification,type:w:gp2", (stanza: BinaryNode) => {
    const { from } = stanza.attrs;
    const on = getBinaryNodeChild(stanza, "ephemeral");
    if (from && on) book.set(from, Number(on.attrs.expiration) || 0);
    else if (from && getBinaryNodeChild(stanza, "not_ephemeral")) book.set(from, 0);
  });
}

/** Seconds after which a message to this group is to disappear; 0 is never, or that WhatsApp does not say so in time. */
export async function disappearsAfter(sock: WASocket, group: string): Promise<number> {
  const book = books.get(sock);
  const known = book?.get(group);
  if (known !== undefined) return known;
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), patienceMs);
  // Who is not in the group hears so when it is sent.
  const told = await Promise.race([sock.groupMetadata(group).catch(() => undefined), late]);
  clearTimeout(timer);
  const changed = book?.get(group);
  if (changed !== undefined || !told) return changed ?? 0;
  const seconds = told.ephemeralDuration ?? 0;
  book?.set(group, seconds);
  return seconds;
}
