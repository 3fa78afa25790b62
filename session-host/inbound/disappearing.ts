import {
  type BaileysEventMap,
  type BinaryNode,
  type GroupMetadata,
  getBinaryNodeChild,
  type WASocket,
} from "@whiskeysockets/baileys";
import { boundCount, maxInteger } from "../../core/bound.ts";
import type { Database } from "../../core/db/index.ts";
import { lruCache } from "../../core/lru.ts";
import { isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { within } from "../../core/timeout.ts";
import { isPhoneJid, phonesOf, plainJid, unixSeconds } from "../baileys/address/jids.ts";
import type { Change, ChatTimer } from "../ledger/change.ts";

/** Maximum wait for the lookup of an unknown group, which delays the message that is about to be sent. */
const lookupTimeoutMs = 5_000;
const maxChats = 5_000;

/** A stored timer. `seconds` is 0, and `setAt` too, if the timer of the chat is not known. */
interface Timer {
  seconds: number;
  /** Unix seconds. */
  setAt: number;
}

export interface DisappearingDeps {
  db: Database;
  instanceId: string;
  /** Ends the connection, because the timers can't be read. */
  fail: (error: unknown) => void;
  /** Records a change in the background. */
  record: (change: Change) => void;
  /** Returns a group, from the connection's cache if possible. */
  readGroup: (group: string) => Promise<Pick<GroupMetadata, "ephemeralDuration">>;
}

/**
 * The timers for disappearing messages, in seconds. WhatsApp reports those of groups to each connection. Those of chats
 * with one person are known only from messages. Both are stored (`chat_timers`).
 */
export class DisappearingTimers {
  readonly #deps: DisappearingDeps;
  readonly #groups = lruCache<string, number>(maxChats);
  readonly #chats = lruCache<string, Timer>(maxChats);

  constructor(deps: DisappearingDeps) {
    this.#deps = deps;
  }

  listen(sock: WASocket): void {
    // Baileys reports the timer of every group that it reads completely. Partial updates have no participants. A report
    // may be late, so it does not replace a change that WhatsApp has already announced.
    const addRead = (groups: Partial<GroupMetadata>[]) => {
      const read = groups.flatMap(({ id, participants, ephemeralDuration = 0 }) =>
        id && participants && !this.#groups.has(id) ? [{ chatId: id, seconds: boundSeconds(ephemeralDuration) }] : [],
      );
      this.#noteGroups(read);
    };
    sock.ev.on("groups.update", addRead);
    sock.ev.on("groups.upsert", addRead);
    sock.ws.on("CB:notification,type:w:gp2", (stanza: BinaryNode) => {
      const { from } = stanza.attrs;
      const on = getBinaryNodeChild(stanza, "ephemeral");
      if (from && on) this.#noteGroups([{ chatId: from, seconds: boundSeconds(on.attrs.expiration) }]);
      else if (from && getBinaryNodeChild(stanza, "not_ephemeral")) this.#noteGroups([{ chatId: from, seconds: 0 }]);
    });
  }

  /** Keeps the timers of groups, and records them for the list of chats. */
  #noteGroups(timers: readonly { chatId: string; seconds: number }[]): void {
    const groups = timers.filter(({ chatId }) => isGroupJid(chatId));
    if (groups.length === 0) return;
    for (const { chatId, seconds } of groups) this.#groups.set(chatId, seconds);
    this.#deps.record({ groupTimers: groups });
  }

  /**
   * Returns the timer of a chat in seconds, or 0 if its messages don't disappear. `chats` are the JIDs of the chat. The
   * timer of a group is also 0 if the lookup fails or takes too long.
   */
  async secondsOf(chats: readonly string[]): Promise<number> {
    const group = chats.find(isGroupJid);
    if (group) return await this.#groupSeconds(group);
    const timers = await Promise.all(chats.filter(isPerson).map((chat) => this.#load(chat)));
    return timers.reduce((newest, timer) => (timer.setAt > newest.setAt ? timer : newest), unknown).seconds;
  }

  /**
   * Returns the change that a report about a chat makes. The change is empty if the report is old, or says nothing new.
   * Reports must arrive in the order of their stanzas.
   */
  async learn(timer: ChatTimer | undefined): Promise<Change> {
    if (!timer) return {};
    const { chatId, seconds, setAt, change } = timer;
    const known = await this.#load(chatId);
    if (setAt < known.setAt || (change === null && known.setAt > 0 && seconds === known.seconds)) return {};
    this.#chats.set(chatId, { seconds, setAt });
    return { timers: [timer] };
  }

  async #load(chatId: string): Promise<Timer> {
    const cached = this.#chats.get(chatId);
    if (cached) return cached;
    const { db, instanceId, fail } = this.#deps;
    try {
      const [row] = await db.sql<Timer[]>`
        select seconds, extract(epoch from set_at)::float8 as "setAt" from chat_timers
        where instance_id = ${instanceId} and chat_id = ${chatId}`;
      // A report during the query is newer than its result.
      const loaded = this.#chats.get(chatId) ?? row ?? unknown;
      this.#chats.set(chatId, loaded);
      return loaded;
    } catch (error) {
      fail(error);
      throw error;
    }
  }

  /**
   * Returns the timers in a part of the history that are not recorded yet. The caller records them. Source: Baileys'
   * Utils/history.js.
   */
  async ofHistory(sock: WASocket, { chats }: BaileysEventMap["messaging-history.set"]): Promise<ChatTimer[]> {
    const reported = chats.flatMap(({ id, ephemeralExpiration, ephemeralSettingTimestamp }) => {
      const seconds = boundCount(ephemeralExpiration ?? 0, maxInteger) ?? 0;
      const jid = plainJid(id);
      return isPerson(jid) && seconds > 0 ? [{ jid, seconds, setAt: unixSeconds(ephemeralSettingTimestamp) }] : [];
    });
    const phones = await phonesOf(sock, reported.map(({ jid }) => jid).filter(isLidJid));
    const timers: ChatTimer[] = [];
    for (const { jid, ...timer } of reported) {
      const learned = await this.learn({ chatId: phones.get(jid) ?? jid, ...timer, change: null });
      timers.push(...(learned.timers ?? []));
    }
    return timers;
  }

  async #groupSeconds(group: string): Promise<number> {
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    // If this lookup fails because the account is not in the group, the send fails with that reason.
    const metadata = await within(lookupTimeoutMs, this.#deps.readGroup(group), () => new Error("timeout")).catch(
      () => undefined,
    );
    const announced = this.#groups.get(group);
    if (announced !== undefined || !metadata) return announced ?? 0;
    const seconds = boundSeconds(metadata.ephemeralDuration);
    this.#noteGroups([{ chatId: group, seconds }]);
    return seconds;
  }
}

const unknown: Timer = { seconds: 0, setAt: 0 };

const boundSeconds = (value: unknown): number => boundCount(value ?? 0, maxInteger) ?? 0;

const isPerson = (jid: string) => isPhoneJid(jid) || isLidJid(jid);
