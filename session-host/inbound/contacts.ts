import { areJidsSameUser, type BaileysEventMap, type BinaryNode, type WASocket } from "@whiskeysockets/baileys";
import type { ContactFact } from "../../core/contact/merge.ts";
import type { Logger } from "../../core/log.ts";
import { lruCache } from "../../core/lru.ts";
import { isPhoneJid, plainJid } from "../baileys/address/jids.ts";
import { Limiter } from "../concurrency/limiter.ts";
import type { Change } from "../ledger/change.ts";
import { contactFact, factOfPerson, factsOfHistory, verifiedName, withPhones } from "./contact-facts.ts";

export interface ContactSourceDeps {
  instanceId: string;
  log: Logger;
  /** The account itself, as the credentials name it. */
  me: () => { id: string; lid: string };
  record: (change: Change) => Promise<void>;
}

/** Maximum number of contacts in one change. A history or an address book is split into several changes. */
const maxFacts = 500;
/** Number of contacts whose last fact a session remembers. */
const maxRemembered = 1_000;
/**
 * Limits concurrent queries per host. After a deployment, all sessions open together, and each reads all its groups.
 */
const groupQueries = new Limiter(4);
/** Minimum time between two readings of all groups by one session. Milliseconds. */
const readIntervalMs = 10 * 60_000;

/**
 * Turns what one connection reports about contacts, from all sources, into changes. A fact that equals the last
 * recorded fact is not recorded again, so that a message from a known person costs no database statement.
 */
export class ContactSource {
  readonly #deps: ContactSourceDeps;
  readonly #last = lruCache<string, ContactFact>(maxRemembered);
  /** Facts are recorded in the order in which they were reported, even if a LID has to be looked up first. */
  #turn: Promise<void> = Promise.resolve();
  /** Number of changes that wait for their turn or are being recorded. */
  #waiting = 0;
  /**
   * Groups that were reported since the last reading of all groups began. WhatsApp's answer to that reading may lack
   * these groups.
   */
  readonly #reported = new Set<string>();

  constructor(deps: ContactSourceDeps) {
    this.#deps = deps;
  }

  /** Returns the change, with facts about the senders of its messages. */
  join(change: Change, stanza: BinaryNode): Change {
    const businessName = verifiedName(stanza);
    const facts = (change.messages ?? []).flatMap(({ from_me, sender_id, sender_lid, push_name }) => {
      if (from_me || (!push_name && !businessName)) return [];
      return contactFact({ jid: sender_id, lid: sender_lid, pushName: push_name, businessName }) ?? [];
    });
    const fresh = this.#fresh(facts);
    if (fresh.length === 0) return change;
    // A sender is on WhatsApp, even if an earlier lookup did not find the number.
    const numbers = fresh.flatMap(({ jid }) => (isPhoneJid(jid) ? [{ jid, exists: true }] : []));
    return { ...change, contacts: fresh, numbers: [...(change.numbers ?? []), ...numbers] };
  }

  /** Listens to all events of Baileys that report contacts. */
  listen(sock: WASocket): void {
    const { ev } = sock;
    const report = (facts: readonly (ContactFact | undefined)[]) => this.#report(sock, facts);
    // Baileys emits this event for the address book only. An entry without a name means that the name was removed.
    ev.on("contacts.upsert", (contacts) =>
      report(contacts.map((contact) => factOfPerson(contact, { name: contact.name ?? null }))),
    );
    ev.on("contacts.update", (contacts) =>
      report(contacts.map((contact) => (contact.id ? factOfPerson({ ...contact, id: contact.id }) : undefined))),
    );
    ev.on("lid-mapping.update", ({ lid, pn }) => report([contactFact({ jid: pn, lid, link: true })]));
    ev.on("groups.upsert", (groups) => {
      for (const { id } of groups) this.#reported.add(plainJid(id));
      report(groups.map((group) => contactFact({ jid: group.id, name: group.subject })));
    });
    ev.on("groups.update", (groups) =>
      report(groups.map(({ id, subject }) => (id && subject ? contactFact({ jid: id, name: subject }) : undefined))),
    );
    ev.on("group-participants.update", ({ id, participants, action }) => {
      if (!participants.some((person) => [person.id, person.lid, person.phoneNumber].some((jid) => this.#isMe(jid))))
        return;
      if (action === "remove") report([{ jid: id, gone: true }]);
      if (action === "add") void this.#reportJoinedGroup(sock, id);
    });
  }

  /**
   * Remembers facts that were recorded elsewhere. Without this, a later change back to the old value would look like a
   * known fact.
   */
  note(facts: readonly ContactFact[]): void {
    this.#fresh(facts.filter(({ link }) => !link));
  }

  /** Returns the facts in a part of the history that are not recorded yet. The caller records them. */
  async ofHistory(sock: WASocket, history: BaileysEventMap["messaging-history.set"]): Promise<ContactFact[]> {
    const facts = factsOfHistory(history).filter((fact) => fact !== undefined);
    return this.#fresh(
      await withPhones(
        sock,
        facts.filter((fact) => !this.#isMe(fact.jid)),
      ),
    );
  }

  /**
   * Reads all groups that the account is in, and removes other groups from its contacts. Returns whether the groups
   * could be read.
   */
  async readGroups(sock: WASocket): Promise<boolean> {
    const leave = await groupQueries.enter();
    try {
      this.#reported.clear();
      const groups = Object.values(await sock.groupFetchAllParticipating());
      const facts = groups.flatMap((group) => contactFact({ jid: group.id, name: group.subject }) ?? []);
      const present = new Set([...facts.map(({ jid }) => jid), ...this.#reported]);
      await this.#inTurn(() => this.#deps.record({ contacts: facts, groups: [...present] }));
      return true;
    } catch (error) {
      this.#deps.log.warn({ err: error, instanceId: this.#deps.instanceId }, "the groups could not be read");
      return false;
    } finally {
      leave();
    }
  }

  async #reportJoinedGroup(sock: WASocket, id: string): Promise<void> {
    try {
      const { subject } = await sock.groupMetadata(id);
      this.#report(sock, [contactFact({ jid: id, name: subject })]);
    } catch (error) {
      this.#deps.log.warn({ err: error, instanceId: this.#deps.instanceId, group: id }, "a group could not be read");
    }
  }

  #report(sock: WASocket, reported: readonly (ContactFact | undefined)[]): void {
    const facts = reported.filter((fact) => fact !== undefined).filter((fact) => !this.#isMe(fact.jid));
    // Baileys repeats the push name with every message. Known facts are dropped before LIDs are looked up, so that they
    // cause no lookup.
    const unknown = this.#waiting > 0 ? facts : facts.filter((fact) => !this.#isKnown(fact));
    if (unknown.length === 0) return;
    void this.#inTurn(async () => {
      const fresh = this.#fresh(await withPhones(sock, unknown));
      for (let from = 0; from < fresh.length; from += maxFacts) {
        await this.#deps.record({ contacts: fresh.slice(from, from + maxFacts) });
      }
    });
  }

  /** Runs work in order. Never rejects: if a change can't be stored, the connection ends, or has ended already. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#waiting++;
    const done = this.#turn.then(work).catch((error: unknown) => {
      this.#deps.log.debug({ err: error, instanceId: this.#deps.instanceId }, "contacts were not stored");
    });
    this.#turn = done.then(() => {
      this.#waiting--;
    });
    return done;
  }

  /** Returns the facts that differ from the last recorded facts, and remembers the returned facts. */
  #fresh(facts: readonly ContactFact[]): ContactFact[] {
    return facts.filter((fact) => {
      if (this.#isKnown(fact)) return false;
      const ids = idsOf(fact);
      const before = ids.map((id) => this.#last.get(id)).find((last) => last && !last.gone);
      const next: ContactFact = fact.gone ? fact : { ...before, ...fact };
      if (!fact.link || (before && !before.link)) delete next.link;
      for (const id of ids) this.#last.set(id, next);
      return true;
    });
  }

  #isKnown(fact: ContactFact): boolean {
    const fields = Object.entries(fact).filter(([field]) => field !== "jid" && field !== "link");
    return idsOf(fact).every((id) => {
      const last = this.#last.get(id);
      if (!last || fact.gone || last.gone || (last.link && !fact.link)) return false;
      return fields.every(([field, value]) => last[field as keyof ContactFact] === value);
    });
  }

  #isMe(jid: string | null | undefined): boolean {
    const { id, lid } = this.#deps.me();
    return Boolean(jid) && (areJidsSameUser(jid ?? "", id) || areJidsSameUser(jid ?? "", lid));
  }
}

/**
 * Reads all groups of a session when it connects, but not on each reconnection. After a short disconnection, WhatsApp
 * itself reports the changes that happened in the meantime.
 */
export class GroupReading {
  #doneAt: number | undefined;

  async read({ contacts, sock }: { contacts: ContactSource; sock: WASocket }): Promise<void> {
    const now = performance.now();
    if (this.#doneAt !== undefined && now - this.#doneAt < readIntervalMs) return;
    if (await contacts.readGroups(sock)) this.#doneAt = now;
  }

  /** Makes the next connection read the groups. Call this when another account may have been linked. */
  forget(): void {
    this.#doneAt = undefined;
  }
}

const idsOf = ({ jid, lid }: ContactFact) => (lid ? [jid, lid] : [jid]);
