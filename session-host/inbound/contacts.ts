import {
  areJidsSameUser,
  type BaileysEventMap,
  type BinaryNode,
  type Contact,
  getBinaryNodeChild,
  jidNormalizedUser,
  proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";
import type { ContactFact } from "../../core/contact/merge.ts";
import type { Logger } from "../../core/log.ts";
import { isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { Limiter } from "../concurrency/limiter.ts";
import type { Change } from "../ledger/change.ts";

export interface ContactSourceDeps {
  instanceId: string;
  log: Logger;
  /** Our own account, as the credentials have it. */
  me: () => { id: string; lid: string };
  record: (change: Change) => Promise<void>;
}

/** How many contacts of a history or an address book go into one change. */
const chunk = 500;
/** Of so many contacts a session remembers what it last wrote. */
const remembered = 1_000;
/** After a deploy all sessions of a host open at once; each asks for all its groups. */
const groupQueries = new Limiter(4);
/** A session asks again after so long at the earliest. */
const groupsMs = 10 * 60_000;

/**
 * What one connection tells of contacts, from whichever source, made into changes. What was said before in the same words is
 * not recorded again, so that a message of somebody who is known costs no statement.
 */
export class ContactSource {
  readonly #deps: ContactSourceDeps;
  readonly #last = new LRUCache<string, ContactFact>({ max: remembered });
  /** What was told first is recorded first, though a LID may have to be looked up. */
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** Groups that were told of since all were last asked for: the answer may be older than what was told. */
  readonly #told = new Set<string>();

  constructor(deps: ContactSourceDeps) {
    this.#deps = deps;
  }

  /** Adds to a change what its messages tell of who wrote them. */
  join(change: Change, stanza: BinaryNode): Change {
    const businessName = verifiedName(stanza);
    const facts = (change.messages ?? []).flatMap(({ from_me, sender_id, sender_lid, push_name }) => {
      if (from_me || (!push_name && !businessName)) return [];
      return fact({ jid: sender_id, lid: sender_lid, pushName: push_name, businessName }) ?? [];
    });
    const fresh = this.#fresh(facts);
    if (fresh.length === 0) return change;
    // Whoever writes is on WhatsApp, whatever was found out before.
    const numbers = fresh.flatMap(({ jid }) => (isPersonByPhone(jid) ? [{ jid, exists: true }] : []));
    return { ...change, contacts: fresh, numbers: [...(change.numbers ?? []), ...numbers] };
  }

  /** Listens to all events of Baileys that tell of contacts. */
  listen(sock: WASocket): void {
    const { ev } = sock;
    const tell = (facts: readonly (ContactFact | undefined)[]) => this.#tell(sock, facts);
    // Baileys makes this event of the address book only: no name means that the entry has none any more.
    ev.on("contacts.upsert", (contacts) => tell(contacts.map((one) => ofPerson(one, { name: one.name ?? null }))));
    ev.on("contacts.update", (contacts) =>
      tell(contacts.map((one) => (one.id ? ofPerson({ ...one, id: one.id }) : undefined))),
    );
    ev.on("messaging-history.set", (history) => tell(ofHistory(history)));
    ev.on("lid-mapping.update", ({ lid, pn }) => tell([fact({ jid: pn, lid, link: true })]));
    ev.on("groups.upsert", (groups) => {
      for (const { id } of groups) this.#told.add(plain(id));
      tell(groups.map((group) => fact({ jid: group.id, name: group.subject })));
    });
    ev.on("groups.update", (groups) =>
      tell(groups.map(({ id, subject }) => (id && subject ? fact({ jid: id, name: subject }) : undefined))),
    );
    ev.on("group-participants.update", ({ id, participants, action }) => {
      if (!participants.some((one) => [one.id, one.lid, one.phoneNumber].some((jid) => this.#isMe(jid)))) return;
      if (action === "remove") tell([{ jid: id, gone: true }]);
      if (action === "add") void this.#joined(sock, id);
    });
  }

  /** What others have recorded: else a change back to what was told before would look like nothing new. */
  note(facts: readonly ContactFact[]): void {
    this.#fresh(facts.filter(({ link }) => !link));
  }

  /** Reads all groups that the account is in; others are none of its contacts any more. Answers whether WhatsApp told. */
  async readGroups(sock: WASocket): Promise<boolean> {
    const leave = await groupQueries.enter();
    try {
      this.#told.clear();
      const groups = Object.values(await sock.groupFetchAllParticipating());
      const facts = groups.flatMap((group) => fact({ jid: group.id, name: group.subject }) ?? []);
      const there = new Set([...facts.map(({ jid }) => jid), ...this.#told]);
      await this.#inTurn(() => this.#deps.record({ contacts: facts, groups: [...there] }));
      return true;
    } catch (error) {
      this.#deps.log.warn({ err: error, instanceId: this.#deps.instanceId }, "the groups could not be read");
      return false;
    } finally {
      leave();
    }
  }

  async #joined(sock: WASocket, id: string): Promise<void> {
    try {
      const { subject } = await sock.groupMetadata(id);
      this.#tell(sock, [fact({ jid: id, name: subject })]);
    } catch (error) {
      this.#deps.log.warn({ err: error, instanceId: this.#deps.instanceId, group: id }, "a group could not be read");
    }
  }

  #tell(sock: WASocket, told: readonly (ContactFact | undefined)[]): void {
    const facts = told.filter((one) => one !== undefined).filter((one) => !this.#isMe(one.jid));
    // Baileys repeats the push name with every message: that must not look up a LID each time.
    const open = this.#waiting > 0 ? facts : facts.filter((one) => !this.#isKnown(one));
    if (open.length === 0) return;
    void this.#inTurn(async () => {
      const fresh = this.#fresh(await withPhones(sock, open));
      for (let from = 0; from < fresh.length; from += chunk) {
        await this.#deps.record({ contacts: fresh.slice(from, from + chunk) });
      }
    });
  }

  /** A failure ends the connection, where the change could not be kept, or belongs to one that has ended. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#waiting++;
    const done = this.#turn.then(work).catch((error: unknown) => {
      this.#deps.log.debug({ err: error, instanceId: this.#deps.instanceId }, "contacts were not kept");
    });
    this.#turn = done.then(() => {
      this.#waiting--;
    });
    return done;
  }

  /** Without what was written before in the same words. */
  #fresh(facts: readonly ContactFact[]): ContactFact[] {
    return facts.filter((one) => {
      if (this.#isKnown(one)) return false;
      const ids = idsOf(one);
      const before = ids.map((id) => this.#last.get(id)).find((last) => last && !last.gone);
      const next: ContactFact = one.gone ? one : { ...before, ...one };
      if (!one.link || (before && !before.link)) delete next.link;
      for (const id of ids) this.#last.set(id, next);
      return true;
    });
  }

  #isKnown(one: ContactFact): boolean {
    const says = Object.entries(one).filter(([field]) => field !== "jid" && field !== "link");
    return idsOf(one).every((id) => {
      const last = this.#last.get(id);
      if (!last || one.gone || last.gone || (last.link && !one.link)) return false;
      return says.every(([field, value]) => last[field as keyof ContactFact] === value);
    });
  }

  #isMe(jid: string | null | undefined): boolean {
    const { id, lid } = this.#deps.me();
    return Boolean(jid) && (areJidsSameUser(jid ?? "", id) || areJidsSameUser(jid ?? "", lid));
  }
}

/**
 * When a session asks for all its groups: once it is open. What changes while the link is away is told afterwards, so one that
 * comes and goes need not ask each time.
 */
export class GroupReading {
  #doneAt: number | undefined;

  async read({ contacts, sock }: { contacts: ContactSource; sock: WASocket }): Promise<void> {
    const now = performance.now();
    if (this.#doneAt !== undefined && now - this.#doneAt < groupsMs) return;
    if (await contacts.readGroups(sock)) this.#doneAt = now;
  }

  /** Another account may be linked now. */
  forget(): void {
    this.#doneAt = undefined;
  }
}

/** A number cannot be longer, and what is longer is not looked for. */
const maxJid = 64;
const idsOf = ({ jid, lid }: ContactFact) => (lid ? [jid, lid] : [jid]);
const isPersonByPhone = (jid: string) => jid.endsWith("@s.whatsapp.net");
const isContact = (jid: string) =>
  jid.length <= maxJid && /^[0-9]+(?:-[0-9]+)?@(?:s\.whatsapp\.net|lid|g\.us)$/.test(jid);
const plain = (jid: string | null | undefined) => (jid ? jidNormalizedUser(jid) : "");

interface Told {
  jid: string;
  lid?: string | null | undefined;
  name?: string | null | undefined;
  chatName?: string | null | undefined;
  pushName?: string | null | undefined;
  businessName?: string | null | undefined;
  link?: true;
}

/** Undefined for what is nobody: channels, broadcasts, bots. */
function fact({ jid, lid, name, chatName, pushName, businessName, link }: Told): ContactFact | undefined {
  const id = plain(jid);
  const alias = plain(lid);
  if (!isContact(id)) return undefined;
  return {
    jid: id,
    ...(isPersonByPhone(id) && isLidJid(alias) && isContact(alias) ? { lid: alias } : {}),
    ...(name === undefined ? {} : { name }),
    ...(chatName ? { chatName } : {}),
    ...(pushName ? { pushName } : {}),
    ...(businessName ? { businessName } : {}),
    ...(link ? { link } : {}),
  };
}

/** Baileys names a person by either JID and puts the other beside it, or not. */
function ofPerson(
  { id, lid, phoneNumber, notify, verifiedName: businessName }: Contact,
  names: Pick<Told, "name" | "chatName"> = {},
): ContactFact | undefined {
  const phone = [id, phoneNumber].map(plain).find(isPersonByPhone);
  const says = { ...names, pushName: notify, businessName };
  // Others as well are told of here: that a picture was changed.
  if (Object.values(says).every((value) => value === undefined) && !(phone && isLidJid(plain(lid ?? id))))
    return undefined;
  return fact({ jid: phone ?? id, lid: isLidJid(plain(id)) ? id : lid, ...says });
}

function ofHistory({ contacts, lidPnMappings }: BaileysEventMap["messaging-history.set"]): (ContactFact | undefined)[] {
  return [
    ...contacts.map((one) =>
      // The history has also groups that were left; which are there, `readGroups` knows.
      isGroupJid(one.id)
        ? fact({ jid: one.id, chatName: one.name, link: true })
        : (ofPerson(one, { chatName: one.name }) ?? fact({ jid: one.id })),
    ),
    ...(lidPnMappings ?? []).map(({ lid, pn }) => fact({ jid: pn, lid, link: true })),
  ];
}

/** The same facts, by phone number where the session knows the number behind a LID. */
async function withPhones(sock: WASocket, facts: readonly ContactFact[]): Promise<ContactFact[]> {
  const lids = facts.flatMap(({ jid }) => (isLidJid(jid) ? [jid] : []));
  if (lids.length === 0) return [...facts];
  const pairs = (await sock.signalRepository.lidMapping.getPNsForLIDs(lids)) ?? [];
  const phones = new Map(pairs.map(({ lid, pn }) => [plain(lid), plain(pn)]));
  return facts.map((one) => {
    const phone = phones.get(one.jid);
    return phone && isContact(phone) ? { ...one, jid: phone, lid: one.jid } : one;
  });
}

/** The name of a business that WhatsApp has verified, as its messages bring it. */
function verifiedName(stanza: BinaryNode): string | undefined {
  const certificate = getBinaryNodeChild(stanza, "verified_name")?.content;
  if (!(certificate instanceof Uint8Array)) return undefined;
  try {
    const { details } = proto.VerifiedNameCertificate.decode(certificate);
    return proto.VerifiedNameCertificate.Details.decode(details ?? new Uint8Array()).verifiedName || undefined;
  } catch {
    // Baileys refuses such a message for itself.
    return undefined;
  }
}
