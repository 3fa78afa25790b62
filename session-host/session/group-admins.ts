import { type GroupMetadata, jidNormalizedUser } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";
import type { Logger } from "../../core/log.ts";

/** Whoever asks may hold up what comes after. */
const patienceMs = 5_000;
const keptMs = 5_000;

/** Who administers the groups of an account, as WhatsApp says when it is asked; an answer holds for some seconds. */
export class GroupAdmins {
  readonly #known = new LRUCache<string, Promise<Set<string>>>({ max: 100, ttl: keptMs });
  readonly #ask: (group: string) => Promise<Pick<GroupMetadata, "participants">>;
  readonly #log: Logger;

  constructor(ask: (group: string) => Promise<Pick<GroupMetadata, "participants">>, log: Logger) {
    this.#ask = ask;
    this.#log = log;
  }

  /** Whether one of these JIDs, which stand for one person, is an admin. False when WhatsApp does not say so in time. */
  readonly has = async (group: string, jids: readonly string[]): Promise<boolean> => {
    const known = this.#known.get(group) ?? this.#fetch(group);
    this.#known.set(group, known);
    try {
      const admins = await known;
      return jids.some((jid) => admins.has(jid));
    } catch (error) {
      this.#known.delete(group);
      this.#log.warn({ err: error, group }, "the admins of a group are not known");
      return false;
    }
  };

  async #fetch(group: string): Promise<Set<string>> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("WhatsApp did not answer in time")), patienceMs);
    try {
      const { participants } = await Promise.race([this.#ask(group), late]);
      const admins = participants.filter((one) => one.admin);
      return new Set(
        admins.flatMap(({ id, phoneNumber, lid }) =>
          [id, phoneNumber, lid].filter((jid) => jid !== undefined).map((jid) => jidNormalizedUser(jid)),
        ),
      );
    } finally {
      clearTimeout(timer);
    }
  }
}
