import { formatJid, LID_SERVER, PN_SERVER } from "../wire/jid.ts";
import type { BinaryNode } from "../wire/node.ts";
import type { AppState } from "./app-state.ts";
import type { Bundle, Credentials } from "./credentials.ts";
import { DeviceFaults } from "./faults.ts";
import type { Picture } from "./media-store.ts";
import { OfflineQueue } from "./offline-queue.ts";

export type Business = { name: string };

/** A WhatsApp account and its devices. A phone number and a LID both identify it. */
export class Account {
  /** Digits only, with the country code. */
  readonly number: string;
  /** The user part of its LID. */
  readonly lid: string;
  /** The account's public identity key, which signs its companions (raw 32 bytes). */
  readonly identityKey: Buffer;
  pushName: string;
  about = "";
  picture: Picture | undefined;
  /** Whether the phone itself is online. */
  phoneOnline = false;
  /** Seconds since the epoch; undefined if the account was never online. */
  lastSeen: number | undefined;
  /** Devices that subscribed to its presence, with the server of the JID that they used. Cleared when they disconnect. */
  readonly subscribers = new Map<Device, string>();
  business: Business | undefined;
  phone: PrimaryEndpoint | undefined;
  readonly companions = new Map<number, Device>();
  readonly privacy = new Map<string, string>();
  /** LIDs of blocked accounts. */
  readonly blocked = new Set<string>();
  readonly appState: AppState = new Map();
  /** Devices of other accounts that requested this account's device list and cache it. */
  readonly watchers = new Set<Device>();
  /** WhatsApp never reuses a device id. */
  nextDeviceId = 1;

  constructor(number: string, lid: string, identityKey: Buffer, pushName: string) {
    this.number = number;
    this.lid = lid;
    this.identityKey = identityKey;
    this.pushName = pushName;
  }

  /** Whether other accounts see it online: while at least one of its devices is online. */
  get available(): boolean {
    return this.phoneOnline || this.companionOnline;
  }

  /** While a linked device is online, WhatsApp sends no push notifications to the phone. */
  get companionOnline(): boolean {
    return [...this.companions.values()].some(({ online }) => online);
  }

  get pnJid(): string {
    return formatJid(this.number, PN_SERVER);
  }

  get lidJid(): string {
    return formatJid(this.lid, LID_SERVER);
  }

  jid(server: string): string {
    return server === LID_SERVER ? this.lidJid : this.pnJid;
  }

  /** Whether a viewer may see a part of the profile: `status` is the about text, `profile` the picture. */
  shows(setting: "status" | "profile", viewer: Account): boolean {
    return viewer === this || (this.privacy.get(setting) !== "none" && !this.blocked.has(viewer.lid));
  }

  endpoint(device: number): Endpoint | undefined {
    return device === 0 ? this.phone : this.companions.get(device);
  }

  *endpoints(): IterableIterator<Endpoint> {
    if (this.phone) yield this.phone;
    yield* this.companions.values();
  }
}

/** A device of an account as the server sees it: a phone in this process, or a companion behind a socket. */
export interface Endpoint {
  readonly id: number;
  readonly account: Account;
  deliver(stanza: BinaryNode): void;
  /** Returns the keys for a new session and uses up one prekey, if one is left. */
  takeBundle(): Bundle;
}

/** A phone, which sends its companions keys and history when they connect for the first time. */
export interface PrimaryEndpoint extends Endpoint {
  companionReady(device: Device): void;
}

export function endpointJid(endpoint: Endpoint, server: string): string {
  return server === LID_SERVER
    ? formatJid(endpoint.account.lid, LID_SERVER, endpoint.id)
    : formatJid(endpoint.account.number, PN_SERVER, endpoint.id);
}

/** The open socket of a device. */
export interface DeviceSocket {
  send(stanza: BinaryNode): void;
  /** Sends `stream:error` with a reason and closes the socket. */
  end(attrs: Record<string, string>, reason?: BinaryNode): void;
  readonly active: boolean;
}

export type SocketEvent = { at: number; event: "open" | "close" | "replaced"; open: number };

/** How many sockets with these credentials are open, the most at one time, and each change. */
export type SocketView = { open: number; maximum: number; logins: number; history: SocketEvent[] };

export type DeviceCounts = { received: number; delivered: number; redelivered: number; acked: number; nacked: number };

/** A linked (companion) device: its keys, the stanzas that the server keeps for it, and its socket while it is online. */
export class Device implements Endpoint {
  readonly id: number;
  readonly account: Account;
  credentials: Credentials;
  readonly preKeys = new Map<number, Buffer>();
  readonly kept = new OfflineQueue();
  readonly sockets: SocketView = { open: 0, maximum: 0, logins: 0, history: [] };
  readonly counts: DeviceCounts = { received: 0, delivered: 0, redelivered: 0, acked: 0, nacked: 0 };
  readonly faults = new DeviceFaults();
  /** Whether the phone has sent it the app-state key and the history. */
  initialized = false;
  /** Whether the server has asked it for more prekeys and it has not acknowledged that yet. */
  lowPreKeyNoticeOpen = false;
  /** Whether its last presence on the open socket was `available`. */
  online = false;
  /** The presences that it sent. A `<presence>` without a type counts as `available`. */
  readonly presences: ("available" | "unavailable")[] = [];
  socket: DeviceSocket | undefined;

  constructor(account: Account, id: number, credentials: Credentials) {
    this.account = account;
    this.id = id;
    this.credentials = credentials;
  }

  get pnJid(): string {
    return endpointJid(this, PN_SERVER);
  }

  get lidJid(): string {
    return endpointJid(this, LID_SERVER);
  }

  /** Keeps the stanza until the device acknowledges it. Sends it now if the device is active. */
  deliver(stanza: BinaryNode): void {
    this.kept.keep(stanza);
    if (this.socket?.active) {
      this.counts.delivered++;
      this.socket.send(stanza);
    }
  }

  takeBundle(): Bundle {
    const { registrationId, identityKey, signedPreKey, deviceIdentity } = this.credentials;
    const bundle: Bundle = { registrationId, identityKey, signedPreKey, deviceIdentity };
    const next = this.preKeys.entries().next();
    if (!next.done) {
      const [id, key] = next.value;
      this.preKeys.delete(id);
      bundle.preKey = { id, public: key };
    }
    return bundle;
  }

  noteSocket(at: number, event: SocketEvent["event"]): void {
    if (event === "open") {
      this.sockets.open++;
      this.sockets.logins++;
    } else if (event === "close") this.sockets.open--;
    this.sockets.maximum = Math.max(this.sockets.maximum, this.sockets.open);
    this.sockets.history.push({ at, event, open: this.sockets.open });
  }
}
