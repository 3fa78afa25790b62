import { type CacheStore, type GroupMetadata, jidDecode, type WASocket } from "@whiskeysockets/baileys";
import { lruCache } from "../../../core/lru.ts";
import { isChannelJid, isGroupJid, isLidJid } from "../../../core/message/recipient.ts";
import type { RecipientList } from "../../ledger/change.ts";
import type { WireAddress } from "../address/addressing.ts";
import { personOf, plainJid } from "../address/jids.ts";
import type { KeyStore } from "../key-store.ts";
import { type DeviceLists, Devices, jidOf, userOf } from "./devices.ts";
import { GroupCache, type SharedGroups } from "./group-cache.ts";
import { participantHash } from "./participant-hash.ts";
import { currentPlan, type SendPlan } from "./send-plan.ts";
import { SenderKeys } from "./sender-keys.ts";
import { openSessions } from "./sessions.ts";

/** How long after a message a device that was not in the sender's list counts as a recipient, in milliseconds. */
export const newDeviceMs = 5 * 60_000;

/** Who gets a message. */
export interface Targets {
  list: RecipientList;
  /** Undefined for a channel. */
  plan: SendPlan | undefined;
}

export interface RecipientsDeps {
  socket: () => WASocket;
  store: KeyStore;
  /** Baileys' cache of device lists. */
  devices: CacheStore;
  groups: SharedGroups;
}

/** Finds out who gets a message, and makes sure that it can be encrypted for them, before Baileys encrypts it. */
export class Recipients {
  readonly groups: GroupCache;
  readonly devices: Devices;
  /** Baileys' cache of device lists. */
  readonly deviceCache: CacheStore;
  readonly #deps: RecipientsDeps;
  readonly #senderKeys: SenderKeys;
  /** By chat: WhatsApp's hash of the devices and ours, if they differ although the lists are new. */
  readonly #settled = lruCache<string, string>(1_000);

  constructor(deps: RecipientsDeps) {
    const { socket, store, devices: cache, groups } = deps;
    this.#deps = deps;
    this.deviceCache = cache;
    this.groups = new GroupCache(socket, groups);
    this.devices = new Devices({ socket, store, cache });
    const forgetDevices = (jids: readonly string[]) => this.devices.forget(jids);
    this.#senderKeys = new SenderKeys({ socket, store, forgetDevices });
  }

  listen(sock: WASocket): void {
    for (const part of [this.groups, this.devices, this.#senderKeys]) part.listen(sock);
  }

  /** Forgets what was looked up. Call this when the connection ends. */
  clear(): void {
    this.groups.clear();
    this.deviceCache.flushAll();
  }

  /**
   * Returns who gets the next message to this address, and the plan for `withPlan`. Makes the lookups of Baileys'
   * `relayMessage` (Socket/messages-send.js), and opens the sessions.
   */
  async of({ to: jid, audience }: WireAddress): Promise<Targets> {
    if (isChannelJid(jid)) return { list: { jids: [], people: [] }, plan: undefined };
    const sock = this.#deps.socket();
    const own = [sock.user?.id, sock.user?.lid].map((id) => plainJid(id)).filter(Boolean);
    const group = isGroupJid(jid) && !audience ? await this.groups.read(jid) : undefined;
    const members = group ? membersOf(group) : [];
    const people = audience ?? (group ? group.participants.map(({ id }) => id) : [jid]);
    const asked = group || audience ? people : [ownJidFor(jid, sock), jid];
    const devices = await this.#reachable(asked, group);
    // WhatsApp names no devices of a number if the account must use LIDs. It then refuses the message with 463.
    if (!group && !audience && isLidJid(jid) && !own.includes(jid) && !devices.get(userOf(jid))?.length)
      throw new Error("WhatsApp returned no device of the recipient");
    const targets = [...devices.values()].flat().map(jidOf);
    const self = ownDevice(sock, group ? group.addressingMode === "pn" : !jid.endsWith("@lid"));
    return {
      list: {
        jids: [...new Set([...people, ...members.flat(), ...own, ...targets])],
        people: members.filter((names) => !names.some((name) => own.includes(name))).map(listEntry),
      },
      plan: { devices, group, targets, hash: participantHash([...targets.filter(isPersonal), self]) },
    };
  }

  /** Forgets what a plan was made from, because WhatsApp has shown that it is wrong. */
  forget(jid: string, { devices }: SendPlan): void {
    if (isGroupJid(jid)) this.groups.drop(jid);
    this.devices.forgetUsers(devices.keys());
  }

  /** Returns the devices of a new plan that belong to people in the old one and are not in the old one. */
  missing(old: SendPlan, fresh: SendPlan | undefined): string[] {
    const known = new Set(old.targets);
    return (fresh?.targets ?? []).filter((jid) => old.devices.has(userOf(jid)) && !known.has(jid));
  }

  /** Notes that a new lookup found no more devices although WhatsApp reports this hash. */
  settle(jid: string, hash: string, plan: SendPlan | undefined): void {
    this.#settled.set(jid, `${hash} ${plan?.hash}`);
  }

  /** Whether a lookup for this difference between WhatsApp's hash and the plan's found no more devices. */
  isSettled(jid: string, hash: string, { hash: own }: SendPlan): boolean {
    return this.#settled.get(jid) === `${hash} ${own}`;
  }

  /** Returns the group that Baileys encrypts for. Baileys reads the group itself if this is undefined. */
  readonly groupMetadata = async (jid: string): Promise<GroupMetadata | undefined> => {
    const group = currentPlan()?.group;
    return group?.id === jid ? group : undefined;
  };

  /**
   * Returns the devices of people, after opening the sessions with those that need a copy. If WhatsApp has no keys for a device,
   * reads the lists of its person again, and leaves the device out.
   */
  async #reachable(people: readonly string[], group: GroupMetadata | undefined): Promise<DeviceLists> {
    const devices = await this.devices.of(people);
    const missing = await this.#open(devices, group);
    if (missing.length === 0) return devices;
    this.devices.forget(missing);
    const again = await this.devices.of(people);
    const gone = new Set(await this.#open(again, group));
    return new Map([...again].map(([user, list]) => [user, list.filter((device) => !gone.has(jidOf(device)))]));
  }

  /** Opens sessions, and returns the devices for which WhatsApp has no keys. */
  async #open(devices: DeviceLists, group: GroupMetadata | undefined): Promise<string[]> {
    const { socket, store } = this.#deps;
    const jids = [...devices.values()].flat().map(jidOf);
    const needed = group ? await this.#senderKeys.lacking(group.id, jids) : jids;
    return await openSessions(socket(), store, group ? needed.filter(isPersonal) : needed);
  }
}

/** Whether a device belongs to a person. The devices of companies' servers get no messages to groups. */
const isPersonal = (device: string) => !device.includes("@hosted");

/** Returns the JIDs of each member. */
const membersOf = ({ participants }: GroupMetadata): string[][] =>
  participants.map(({ id, phoneNumber, lid }) =>
    [id, phoneNumber, lid].filter((jid) => jid !== undefined).map((jid) => plainJid(jid)),
  );

/** Returns the entry of a member in `RecipientList.people`. */
function listEntry(names: readonly string[]): string {
  const person = personOf(...names);
  return person ? [...new Set([person.id, person.lid ?? person.id])].join(" ") : "";
}

/** Returns the account's JID that Baileys uses in a direct chat. */
function ownJidFor(jid: string, sock: WASocket): string {
  const { id, lid } = sock.user ?? {};
  return plainJid(jid.endsWith("@lid") && lid ? lid : id);
}

/** Returns the JID of this device. */
function ownDevice({ user }: WASocket, byNumber: boolean): string {
  const device = jidDecode(user?.id)?.device;
  const person = plainJid(byNumber || !user?.lid ? user?.id : user.lid);
  return device ? person.replace("@", `:${device}@`) : person;
}
