import {
  type BinaryNode,
  type CacheStore,
  getAllBinaryNodeChildren,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  jidDecode,
  jidEncode,
  USyncUser,
  type WASocket,
} from "@whiskeysockets/baileys";
import { isJid } from "../../../core/bound.ts";
import { isPerson, knownJids, plainJid } from "../address/jids.ts";
import { ask, DevicesPerPerson, PeopleQuery } from "../address/usync.ts";
import type { KeyStore } from "../key-store.ts";
import { storePairs } from "./group-lids.ts";
import type { UserDevice } from "./send-plan.ts";

/** The device lists of people by the user part of their JID. */
export type DeviceLists = ReadonlyMap<string, readonly UserDevice[]>;

export const jidOf = ({ user, server, device }: UserDevice): string => jidEncode(user, server, device);

export const userOf = (jid: string): string => jidDecode(jid)?.user ?? "";

export interface DevicesDeps {
  socket: () => WASocket;
  store: KeyStore;
  /** Baileys' cache of device lists (`userDevicesCache`). */
  cache: CacheStore;
}

/**
 * The devices of people. Replaces Baileys' `getUSyncDevices` (7.0.0-rc14, Socket/messages-send.js), which opens a new
 * Signal session with each person whose devices it looks up by number.
 */
export class Devices {
  readonly #deps: DevicesDeps;
  /** The lookups that are not cached yet, and the users whose lists were forgotten meanwhile. */
  readonly #reading = new Set<{ outdated: Set<string> }>();

  constructor(deps: DevicesDeps) {
    this.#deps = deps;
  }

  /**
   * Returns the devices of these people, except this device. A person who is not on WhatsApp has none. Looks up all
   * lists that are not cached in one request.
   */
  async of(people: readonly string[]): Promise<DeviceLists> {
    const { cache } = this.#deps;
    const lists = new Map<string, readonly UserDevice[]>();
    const unknown: string[] = [];
    for (const jid of new Set(people.map((person) => plainJid(person)))) {
      const known = await cache.get<UserDevice[]>(userOf(jid));
      if (known) lists.set(userOf(jid), known);
      else if (userOf(jid)) unknown.push(jid);
    }
    if (unknown.length > 0) for (const [user, list] of await this.#lookUp(unknown)) lists.set(user, list);
    return lists;
  }

  /** Forgets the lists of these people, because WhatsApp has shown that they are wrong. */
  forget(jids: Iterable<string>): void {
    this.forgetUsers([...jids].map(userOf));
  }

  /** Forgets the lists of people by the user parts of their JIDs. */
  forgetUsers(users: Iterable<string>): void {
    for (const user of users) {
      for (const { outdated } of this.#reading) outdated.add(user);
      this.#deps.cache.del(user);
    }
  }

  async #lookUp(people: readonly string[]): Promise<DeviceLists> {
    const reading = { outdated: new Set<string>() };
    this.#reading.add(reading);
    try {
      return await this.#read(people, reading);
    } finally {
      this.#reading.delete(reading);
    }
  }

  /** Reads the lists, and caches those that no notification has changed meanwhile. */
  async #read(people: readonly string[], { outdated }: { outdated: ReadonlySet<string> }): Promise<DeviceLists> {
    const { socket, store, cache } = this.#deps;
    const sock = socket();
    const query = new PeopleQuery().withContext("message");
    query.protocols.push(new DevicesPerPerson());
    query.withLIDProtocol();
    for (const jid of people) query.withUser(new USyncUser().withId(jid));
    const answer = await ask(sock, query, "the devices");
    const pairs = answer.flatMap(({ id, lid }) => (typeof lid === "string" ? [{ lid, pn: id }] : []));
    if (pairs.length > 0) await storePairs(pairs, sock.signalRepository, store);
    const lists = new Map<string, readonly UserDevice[]>(people.map((jid) => [userOf(jid), []]));
    for (const { id, devices } of answer) lists.set(userOf(id), devicesIn(id, devices, sock.user));
    for (const [user, list] of lists) if (list.length > 0 && !outdated.has(user)) cache.set(user, list);
    // Baileys moves these devices' sessions when it learns the LID of a number (`migrateSession` in Signal/libsignal.js).
    const numbers = [...lists].map(([user, list]) => [user, list.map(({ device }) => String(device))] as const);
    const stored = numbers.filter(([, devices]) => devices.length > 0);
    if (stored.length > 0) await sock.authState.keys.set({ "device-list": Object.fromEntries(stored) });
    return lists;
  }

  /**
   * Forgets the lists that WhatsApp reports as changed, and the sessions with removed devices. Baileys applies the change
   * to the cached list of the JID in the notification only, but a person's devices are also cached under the LID or
   * the number (`handleDeviceNotification` in whatsmeow's notification.go). Baileys ignores the list of the account's
   * own devices (`account_sync`).
   */
  listen({ ws }: Pick<WASocket, "ws">): void {
    ws.prependListener("CB:notification,type:devices", (stanza: BinaryNode) => {
      const elements = getAllBinaryNodeChildren(stanza);
      const changed = elements.flatMap((element) => getBinaryNodeChildren(element, "device")).flatMap(jidsIn);
      settle(this.#forgetPeople([...jidsIn(stanza), ...changed]));
      if (elements.some(({ tag }) => tag === "remove")) settle(this.#endSessions(changed));
    });
    ws.prependListener("CB:notification,type:account_sync", (stanza: BinaryNode) => {
      const list = getBinaryNodeChild(stanza, "devices");
      const devices = getBinaryNodeChildren(list, "device").flatMap(jidsIn);
      if (list) settle(this.#forgetPeople([...jidsIn(stanza), ...devices]));
    });
  }

  /** Forgets the lists of people under the given JIDs at once, and then under their other JIDs. */
  async #forgetPeople(jids: readonly string[]): Promise<void> {
    this.forget(jids);
    const sock = this.#deps.socket();
    for (const jid of new Set(jids.map(plainJid))) this.forget(await knownJids(sock, jid));
  }

  async #endSessions(devices: readonly string[]): Promise<void> {
    const sock = this.#deps.socket();
    const ended: string[] = [];
    for (const jid of devices.filter(isPerson)) {
      const device = jidDecode(jid)?.device;
      for (const person of await knownJids(sock, jid)) ended.push(device ? person.replace("@", `:${device}@`) : person);
    }
    await sock.signalRepository.deleteSession(ended);
  }
}

/** Returns the JIDs of the person or device that a node of a notification names. */
const jidsIn = ({ attrs: { from, jid, lid } }: BinaryNode): string[] =>
  [from, jid, lid].filter((name) => name !== undefined && isJid(name)) as string[];

/** Ignores the failure of work. If the database can't be read, the key store itself ends the connection. */
export const settle = (work: Promise<unknown>): void => void work.catch(() => undefined);

/** What the protocol `devices` reports of a person. Source: Baileys' WAUSync/Protocols/USyncDeviceProtocol.js. */
interface ReportedDevices {
  deviceList?: { id: number; keyIndex: number; isHosted?: boolean }[];
}

/**
 * Returns a person's devices except `own`. Works like `extractDeviceJids` in Baileys' Utils/signal.js, which includes
 * this device in the list of the account's LID. WhatsApp rejects messages to linked devices without a key index.
 */
function devicesIn(person: string, reported: unknown, own: WASocket["user"]): UserDevice[] {
  const { user = "", server = "lid" } = jidDecode(person) ?? {};
  const { deviceList = [] } = (reported ?? {}) as ReportedDevices;
  const isOwn = [own?.id, own?.lid].some((jid) => jid && userOf(jid) === user);
  const ownDevice = jidDecode(own?.id)?.device ?? 0;
  const hosted = server === "lid" ? "hosted.lid" : "hosted";
  return deviceList
    .filter(({ id, keyIndex }) => (id === 0 || keyIndex > 0) && !(isOwn && id === ownDevice))
    .map(({ id, isHosted }) => ({ user, server: isHosted ? hosted : server, device: id }));
}
