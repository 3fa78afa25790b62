import {
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  jidDecode,
  type WASocket,
} from "@whiskeysockets/baileys";
import { isJid } from "../../../core/bound.ts";
import { isPerson, knownJids, plainJid } from "../address/jids.ts";
import type { KeyStore } from "../key-store.ts";
import { settle, userOf } from "./devices.ts";

/** The devices that have the account's sender key for a group, in the form of Baileys. */
type Holders = { [device: string]: boolean };

/** Number of groups that are read at once. */
const groupsPerPage = 20;

export interface SenderKeysDeps {
  socket: () => WASocket;
  store: KeyStore;
  /** Forgets the device lists of people. */
  forgetDevices: (jids: readonly string[]) => void;
}

/**
 * Which devices have the account's sender keys, with which messages to groups are encrypted. All changes run under the
 * lock that Baileys' `relayMessage` holds while it reads and writes the same records (7.0.0-rc14,
 * Socket/messages-send.js).
 */
export class SenderKeys {
  readonly #deps: SenderKeysDeps;

  constructor(deps: SenderKeysDeps) {
    this.#deps = deps;
  }

  listen({ ws }: Pick<WASocket, "ws">): void {
    ws.prependListener("CB:notification,type:encrypt", (stanza: BinaryNode) => {
      const { from = "", lid = from } = stanza.attrs;
      const isPhone = isJid(from) && isJid(lid) && !jidDecode(from)?.device;
      if (isPhone && getBinaryNodeChild(stanza, "identity")) settle(this.#onNewIdentity([from, lid]));
    });
    ws.prependListener("CB:notification,type:w:gp2", (stanza: BinaryNode) => {
      const gone = getBinaryNodeChildren(getBinaryNodeChild(stanza, "remove"), "participant");
      const people = gone.flatMap(({ attrs: { jid, phone_number, lid } }) => [jid, phone_number, lid]);
      const group = stanza.attrs.from;
      if (group && people.length > 0) settle(this.#onRemoved(group, people.map(plainJid)));
    });
  }

  /**
   * Returns the devices that need the account's sender key for a group. Replaces the key if devices outside of `devices`
   * have it, for example those of a former member. Source: `removeParticipantInfo` and `replaceParticipantInfo` in WhatsApp Web's module
   * WAWebDBGroupParticipantHelpers. Neither Baileys nor whatsmeow replace the key.
   */
  async lacking(group: string, devices: readonly string[]): Promise<string[]> {
    const current = new Set(devices);
    return await this.#locked(async () => {
      const holders = await this.#holdersOf(group);
      const isHolder = ([, has]: [string, boolean]) => has;
      const outside = Object.entries(holders)
        .filter(isHolder)
        .some(([device]) => !current.has(device));
      if (outside) await this.#replaceKey(group);
      return outside ? [...devices] : devices.filter((device) => !holders[device]);
    });
  }

  /**
   * A person has reinstalled WhatsApp or has another phone. The new phone has no session and no sender key. Sources:
   * `handleEncryptNotification` in whatsmeow's notification.go, which deletes all sessions of the person, and
   * `clearDeviceRecord` in WhatsApp Web. Baileys only opens a new session with the phone.
   */
  async #onNewIdentity(jids: readonly string[]): Promise<void> {
    const sock = this.#deps.socket();
    const people = new Set((await Promise.all(jids.filter(isPerson).map((jid) => knownJids(sock, jid)))).flat());
    if (people.size === 0 || [sock.user?.id, sock.user?.lid].some((own) => people.has(plainJid(own)))) return;
    this.#deps.forgetDevices([...people]);
    await sock.signalRepository.deleteSession(await this.#devicesOf([...people]));
    await this.#locked(async () => {
      const groups = await this.#deps.store.ids("sender-key-memory");
      for (let start = 0; start < groups.length; start += groupsPerPage)
        await this.#forgetHolders(groups.slice(start, start + groupsPerPage), people);
    });
  }

  /** Returns the devices of people with which there may be sessions: the phone, and those of the last lookup. */
  async #devicesOf(people: readonly string[]): Promise<string[]> {
    const lists = await this.#deps.store.keys.get("device-list", people.map(userOf));
    return people.flatMap((jid) => {
      const devices = new Set(["0", ...(lists[userOf(jid)] ?? [])]);
      return [...devices].map((device) => (device === "0" ? jid : jid.replace("@", `:${device}@`)));
    });
  }

  async #onRemoved(group: string, people: readonly string[]): Promise<void> {
    const gone = new Set(people);
    await this.#locked(async () => {
      const holders = await this.#holdersOf(group);
      if (Object.keys(holders).some((device) => gone.has(plainJid(device)))) await this.#replaceKey(group);
    });
  }

  async #forgetHolders(groups: readonly string[], people: ReadonlySet<string>): Promise<void> {
    const { keys } = this.#deps.socket().authState;
    const memory = await keys.get("sender-key-memory", [...groups]);
    const changed = Object.entries(memory).flatMap(([group, holders]): [string, Holders][] => {
      const kept = Object.entries(holders ?? {}).filter(([device]) => !people.has(plainJid(device)));
      return kept.length < Object.keys(holders ?? {}).length ? [[group, Object.fromEntries(kept)]] : [];
    });
    if (changed.length > 0) await keys.set({ "sender-key-memory": Object.fromEntries(changed) });
  }

  async #replaceKey(group: string): Promise<void> {
    const { authState, signalRepository, user } = this.#deps.socket();
    const names = [user?.id, user?.lid].flatMap((jid) => {
      if (!jid) return [];
      const [name, device] = signalRepository.jidToSignalProtocolAddress(jid).split(".");
      return [`${group}::${name}::${device}`];
    });
    await authState.keys.set({
      "sender-key-memory": { [group]: null },
      "sender-key": Object.fromEntries(names.map((name) => [name, null])),
    });
  }

  async #holdersOf(group: string): Promise<Holders> {
    const { [group]: holders = {} } = await this.#deps.socket().authState.keys.get("sender-key-memory", [group]);
    return holders;
  }

  #locked<Result>(work: () => Promise<Result>): Promise<Result> {
    const { keys, creds } = this.#deps.socket().authState;
    return keys.transaction(work, creds.me?.id ?? "");
  }
}
