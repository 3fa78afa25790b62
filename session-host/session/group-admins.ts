import type { GroupMetadata } from "@whiskeysockets/baileys";
import type { Logger } from "../../core/log.ts";
import { lruCache } from "../../core/lru.ts";
import { within } from "../../core/timeout.ts";
import { plainJid } from "../baileys/address/jids.ts";

/** Maximum wait for a lookup, which delays the messages that arrive after it. */
const lookupTimeoutMs = 5_000;
/** How long an answer is cached. */
const keptMs = 5_000;

/** The admins of an account's groups, read from WhatsApp and cached for a few seconds. */
export class GroupAdmins {
  readonly #known = lruCache<string, Promise<Set<string>>>(100, keptMs);
  readonly #readMetadata: (group: string) => Promise<Pick<GroupMetadata, "participants">>;
  readonly #log: Logger;

  constructor(readMetadata: (group: string) => Promise<Pick<GroupMetadata, "participants">>, log: Logger) {
    this.#readMetadata = readMetadata;
    this.#log = log;
  }

  /**
   * Returns whether one of these JIDs, which all belong to one person, is an admin of the group. Returns false if
   * WhatsApp does not answer in time.
   */
  readonly has = async (group: string, jids: readonly string[]): Promise<boolean> => {
    const known = this.#known.get(group) ?? this.#fetch(group);
    this.#known.set(group, known);
    try {
      const admins = await known;
      return jids.some((jid) => admins.has(jid));
    } catch (error) {
      this.#known.delete(group);
      this.#log.warn({ err: error, group }, "the admins of a group could not be looked up");
      return false;
    }
  };

  async #fetch(group: string): Promise<Set<string>> {
    const late = () => new Error("WhatsApp did not answer in time");
    const { participants } = await within(lookupTimeoutMs, this.#readMetadata(group), late);
    const jids = participants
      .filter((participant) => participant.admin)
      .flatMap(({ id, phoneNumber, lid }) => [id, phoneNumber, lid].filter((jid) => jid !== undefined));
    return new Set(jids.map((jid) => plainJid(jid)));
  }
}
