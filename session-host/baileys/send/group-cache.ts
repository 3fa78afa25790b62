import {
  areJidsSameUser,
  type BinaryNode,
  type GroupMetadata,
  type GroupParticipant,
  getAllBinaryNodeChildren,
  getBinaryNodeChildren,
  type WASocket,
} from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";
import { boundCount } from "../../../core/bound.ts";
import { lookedUp } from "../look-up.ts";

/** The groups of all connections of a host. The number of members in all groups is bounded. */
export type SharedGroups = LRUCache<string, GroupMetadata>;

/** Maximum number of members in the cached groups of a host: about 30 MB. */
const maxMembers = 100_000;
/** How long a group is used before it is read again, in case that a notification was lost. */
const keptMs = 60 * 60_000;

export const sharedGroups = (): SharedGroups =>
  new LRUCache({
    maxSize: maxMembers,
    ttl: keptMs,
    sizeCalculation: ({ participants }) => participants.length + 1,
  });

/**
 * Changes of a group that don't affect who gets a message and how. Source: `parseGroupChange` in whatsmeow's group.go.
 */
const harmless = new Set([
  ...["subject", "description", "locked", "unlocked", "announcement", "not_announcement", "invite", "member_add_mode"],
  ...["membership_approval_mode", "created_membership_requests", "revoked_membership_requests"],
]);

type Change = (group: GroupMetadata, element: BinaryNode) => GroupMetadata;

const changes: Record<string, Change> = {
  add: (group, element) => {
    const added = membersIn(element);
    return withMembers(group, [...without(group, added), ...added]);
  },
  remove: (group, element) => withMembers(group, without(group, membersIn(element))),
  promote: withRoles,
  demote: withRoles,
  ephemeral: (group, { attrs }) => withTimer(group, boundCount(attrs.expiration) ?? 0),
  not_ephemeral: (group) => withTimer(group, 0),
};

let connections = 0;

/**
 * The members, the addressing and the timer of a connection's groups. Baileys asks WhatsApp for them for each message
 * (7.0.0-rc14, `relayMessage` in Socket/messages-send.js), which WhatsApp rejects with 429 if it happens too often
 * (https://github.com/WhiskeySockets/Baileys/issues/1261).
 *
 * Notifications keep the cache right, as in whatsmeow's `updateGroupParticipantCache` (group.go). Each connection begins
 * with an empty cache, because a connection that was down misses notifications. A group is dropped if a notification is
 * about the time before the connection (`offline`), or says something unknown, such as another addressing. A group is never cached while one of its
 * notifications may be newer than WhatsApp's answer.
 */
export class GroupCache {
  readonly #socket: () => Pick<WASocket, "groupMetadata" | "user">;
  readonly #shared: SharedGroups;
  readonly #scope = ++connections;
  readonly #cached = new Set<string>();
  /** The lookups that WhatsApp has not answered yet. */
  readonly #reading = new Set<{ group: string; outdated: boolean }>();

  constructor(socket: () => Pick<WASocket, "groupMetadata" | "user">, shared: SharedGroups) {
    this.#socket = socket;
    this.#shared = shared;
  }

  listen({ ws }: Pick<WASocket, "ws">): void {
    ws.prependListener("CB:notification,type:w:gp2", (stanza: BinaryNode) => this.#apply(stanza));
    // WhatsApp asks to read all groups again.
    ws.prependListener("CB:ib,,dirty", () => this.clear());
  }

  /** Returns a group. Throws WhatsApp's refusal if the account is not a member. */
  async read(group: string): Promise<GroupMetadata> {
    const cached = this.#shared.get(this.#key(group));
    if (cached) return cached;
    const reading = { group, outdated: false };
    this.#reading.add(reading);
    try {
      const metadata = essence(await lookedUp("the group", this.#socket().groupMetadata(group)));
      if (!reading.outdated) this.#store(group, metadata);
      return metadata;
    } finally {
      this.#reading.delete(reading);
    }
  }

  /** Forgets a group, because WhatsApp has shown that the cache is wrong. */
  drop(group: string): void {
    for (const reading of this.#reading) if (reading.group === group) reading.outdated = true;
    this.#shared.delete(this.#key(group));
    this.#cached.delete(group);
  }

  /** Forgets all groups. Call this when the connection ends. */
  clear(): void {
    for (const reading of this.#reading) reading.outdated = true;
    for (const group of this.#cached) this.#shared.delete(this.#key(group));
    this.#cached.clear();
  }

  #apply(stanza: BinaryNode): void {
    const { from: group = "", offline, addressing_mode: mode } = stanza.attrs;
    for (const reading of this.#reading) if (reading.group === group) reading.outdated = true;
    let known = this.#shared.get(this.#key(group));
    for (const element of getAllBinaryNodeChildren(stanza)) {
      if (harmless.has(element.tag)) continue;
      const change = changes[element.tag];
      known = known && change && offline === undefined ? change(known, element) : undefined;
    }
    const isCertain = known && this.#includesMe(known) && (mode === undefined || mode === known.addressingMode);
    if (known && isCertain) this.#store(group, known);
    else this.drop(group);
  }

  #includesMe({ participants }: GroupMetadata): boolean {
    const { id, lid } = this.#socket().user ?? {};
    return participants.some((member) =>
      namesOf(member).some((name) => areJidsSameUser(name, id) || areJidsSameUser(name, lid)),
    );
  }

  #store(group: string, metadata: GroupMetadata): void {
    this.#shared.set(this.#key(group), metadata);
    this.#cached.add(group);
  }

  #key(group: string): string {
    return `${this.#scope} ${group}`;
  }
}

/** Returns what sending needs of a group, without its texts. */
function essence({ id, addressingMode, ephemeralDuration, participants }: GroupMetadata): GroupMetadata {
  const members = participants.map(({ id, phoneNumber, lid, admin = null }) => ({ id, phoneNumber, lid, admin }));
  return {
    id,
    owner: undefined,
    subject: "",
    addressingMode,
    ephemeralDuration,
    participants: members,
  } as GroupMetadata;
}

/** Returns the members that a notification names. Source: `extractGroupMetadata` in Baileys' Socket/groups.js. */
const membersIn = (element: BinaryNode): GroupParticipant[] =>
  getBinaryNodeChildren(element, "participant").flatMap(({ attrs: { jid, phone_number, lid, type } }) =>
    jid ? [{ id: jid, phoneNumber: phone_number, lid, admin: type ?? null } as GroupParticipant] : [],
  );

const withMembers = (group: GroupMetadata, participants: GroupParticipant[]): GroupMetadata => ({
  ...group,
  participants,
});

const withTimer = (group: GroupMetadata, seconds: number): GroupMetadata =>
  ({ ...group, ephemeralDuration: seconds || undefined }) as GroupMetadata;

/** Returns the members except these. A member is recognized by the LID and by the number. */
function without(group: GroupMetadata, members: readonly GroupParticipant[]): GroupParticipant[] {
  const names = new Set(members.flatMap(namesOf));
  return group.participants.filter((participant) => !namesOf(participant).some((name) => names.has(name)));
}

/** Promotes or demotes members. `promote` names their new role, `demote` none. */
function withRoles(group: GroupMetadata, element: BinaryNode): GroupMetadata {
  const changed = membersIn(element);
  const role = element.tag === "promote" ? "admin" : null;
  const names = new Set(changed.flatMap(namesOf));
  return withMembers(
    group,
    group.participants.map((participant) =>
      namesOf(participant).some((name) => names.has(name)) ? { ...participant, admin: role } : participant,
    ),
  );
}

const namesOf = ({ id, phoneNumber, lid }: GroupParticipant): string[] =>
  [id, phoneNumber, lid].filter((name) => name !== undefined);
