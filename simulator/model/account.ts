import { deviceHash } from "../wire/device-hash.ts";
import { formatJid, HOSTED_LID_SERVER, HOSTED_SERVER, isLidServer, LID_SERVER, PN_SERVER } from "../wire/jid.ts";
import type { BinaryNode } from "../wire/node.ts";
import type { AppState } from "./app-state.ts";
import { DeviceFaults } from "./limit/faults.ts";
import { LookupCounter } from "./limit/lookup-limits.ts";
import { AccountRestrictions } from "./limit/restriction.ts";
import { type Failure, Standing } from "./limit/standing.ts";
import type { Bundle, Credentials } from "./link/credentials.ts";
import type { AccountPasskey } from "./link/passkey.ts";
import type { Picture } from "./media-store.ts";
import { OfflineQueue } from "./offline-queue.ts";

export type Product = {
  id: string;
  name: string;
  description?: string;
  /** In thousandths of the currency. */
  price?: number;
  currency?: string;
  retailerId?: string;
  url?: string;
  imageUrl?: string;
  hidden?: boolean;
};

export type BusinessHours = {
  timezone: string;
  /** `open` and `close` are minutes since midnight. */
  days: { day: string; mode: string; open?: number; close?: number }[];
};

export type BusinessProfile = {
  description?: string;
  category?: string;
  address?: string;
  email?: string;
  websites?: string[];
  hours?: BusinessHours;
};

export type Order = { id: string; token: string; currency: string; items: { productId: string; quantity: number }[] };

export type Business = {
  name: string;
  profile?: BusinessProfile;
  products?: Product[];
  collections?: { id: string; name: string; productIds: string[] }[];
  /** The orders that customers made. */
  orders?: Order[];
};

/** A WhatsApp account and its devices. A phone number and a LID both identify the account. */
export class Account {
  /** Digits only, with the country code. */
  readonly number: string;
  /** User part of the LID. */
  readonly lid: string;
  /** Public identity key, raw 32 bytes. Its private half signs the companions of the account. */
  identityKey: Buffer;
  pushName: string;
  about = "";
  picture: Picture | undefined;
  /** Whether the phone itself is online. */
  phoneOnline = false;
  /** Seconds since the epoch; undefined if the account was never online. */
  lastSeen: number | undefined;
  /** Devices that subscribed to the account's presence, with the server of the JID that they used, until they disconnect. */
  readonly subscribers = new Map<Device, string>();
  business: Business | undefined;
  phone: PrimaryEndpoint | undefined;
  readonly companions = new Map<number, Device>();
  readonly privacy = new Map<string, string>();
  /** LIDs of blocked accounts. */
  readonly blocked = new Set<string>();
  /** What the server restricts for the account, and who has written to it. */
  readonly restrictions = new AccountRestrictions();
  readonly appState: AppState = new Map();
  readonly standing = new Standing();
  /** Set if the account links devices only with its passkey. */
  passkey: AccountPasskey | undefined;
  /** Whether the mutations of the patches are files on the media host, as those of large patches. */
  externalPatches = false;
  /** Devices that requested this account's device list and cache it. */
  readonly watchers = new Set<Device>();
  /** Whether WhatsApp has moved the chats of this account from phone numbers to LIDs. */
  lidMigrated = true;
  /** WhatsApp does not reuse device ids. */
  nextDeviceId = 1;

  constructor(number: string, lid: string, identityKey: Buffer, pushName: string) {
    this.number = number;
    this.lid = lid;
    this.identityKey = identityKey;
    this.pushName = pushName;
  }

  /** Whether other accounts see this account online, which is the case while at least one of its devices is online. */
  get available(): boolean {
    return this.phoneOnline || this.companionOnline;
  }

  /**
   * Whether a linked device is online. While a linked device is online, WhatsApp sends no push notifications to the
   * phone.
   */
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
    return isLidServer(server) ? this.lidJid : this.pnJid;
  }

  /** Whether a viewer may see a part of the profile: `status` is the about text, `profile` the picture. */
  shows(setting: "status" | "profile", viewer: Account): boolean {
    return viewer === this || (this.privacy.get(setting) !== "none" && !this.blocked.has(viewer.lid));
  }

  endpoint(device: number): Endpoint | undefined {
    return device === 0 ? this.phone : this.companions.get(device);
  }

  /** The hash of the account's device list, with the JIDs of a server. */
  deviceHash(server: string): string {
    return deviceHash([...this.endpoints()].map((endpoint) => endpointJid(endpoint, server)));
  }

  *endpoints(): IterableIterator<Endpoint> {
    if (this.phone) yield this.phone;
    yield* this.companions.values();
  }
}

/** A device to which the server delivers stanzas: a phone in this process, or a companion with a socket. */
export interface Endpoint {
  readonly id: number;
  readonly account: Account;
  deliver(stanza: BinaryNode): void;
  /**
   * Returns the keys for a new session. If a one-time prekey is left, returns it too and removes it from the device's
   * keys.
   */
  takeBundle(): Bundle;
}

/** A phone as the server sees it. */
export interface PrimaryEndpoint extends Endpoint {
  /** Sends keys and history to a companion that has logged in for the first time. */
  companionReady(device: Device): void;
}

/** The id of a device with which a provider of businesses sends and receives the messages of its customer. */
export const HOSTED_DEVICE = 99;

/** Returns the JID of a device. Source for hosted devices: `GetUserDevices` in whatsmeow's user.go. */
export function endpointJid({ account, id }: Endpoint, server: string): string {
  const isHosted = id === HOSTED_DEVICE;
  return isLidServer(server)
    ? formatJid(account.lid, isHosted ? HOSTED_LID_SERVER : LID_SERVER, id)
    : formatJid(account.number, isHosted ? HOSTED_SERVER : PN_SERVER, id);
}

/** The open socket of a device. */
export interface DeviceSocket {
  send(stanza: BinaryNode): void;
  /** Sends `stream:error` with a reason and closes the socket. */
  end(attrs: Record<string, string>, reason?: BinaryNode): void;
  /** Sends `failure` and closes the socket. */
  refuse(failure: Failure | number): void;
  readonly active: boolean;
}

export type SocketEvent = { at: number; event: "open" | "close" | "replaced"; open: number };

/**
 * The sockets with the credentials of one device: the number of open sockets, the highest such number, the number of
 * logins, and each change.
 */
export type SocketView = { open: number; maximum: number; logins: number; history: SocketEvent[] };

/**
 * `received` counts messages from the device, and `tokens` those with a privacy token of the recipient. The other numbers
 * count stanzas to the device.
 */
export type DeviceCounts = {
  received: number;
  tokens: number;
  delivered: number;
  redelivered: number;
  acked: number;
  nacked: number;
};

/** A linked (companion) device: its keys, the stanzas that the server keeps for it, and its open socket. */
export class Device implements Endpoint {
  readonly id: number;
  readonly account: Account;
  credentials: Credentials;
  readonly preKeys = new Map<number, Buffer>();
  readonly kept = new OfflineQueue();
  readonly sockets: SocketView = { open: 0, maximum: 0, logins: 0, history: [] };
  readonly counts: DeviceCounts = { received: 0, tokens: 0, delivered: 0, redelivered: 0, acked: 0, nacked: 0 };
  readonly faults = new DeviceFaults();
  readonly lookups = new LookupCounter();
  /** Number of `iq` requests from the device by namespace. */
  readonly queries = new Map<string, number>();
  /** Whether the phone has started to send the app-state key and the history to the device. */
  initialized = false;
  /** Whether the device has not yet acknowledged the server's request for more prekeys. */
  lowPreKeyNoticeOpen = false;
  /** Whether the last presence from the open socket was `available`. */
  online = false;
  /** The presences from the device, oldest first. A `<presence>` without a type counts as `available`. */
  readonly presences: ("available" | "unavailable")[] = [];
  socket: DeviceSocket | undefined;
  /** The status that the device has rejected. Until the device accepts it, the server sends nothing that came later. */
  #rejected: BinaryNode | undefined;
  /** What waits for the acknowledgement of the rejected status, in order. */
  readonly #withheld = new Set<BinaryNode>();

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

  /** Keeps the stanza until the device acknowledges it. If the socket is active, also sends the stanza now. */
  deliver(stanza: BinaryNode): void {
    if (stanza.tag === "receipt" && this.faults.receipts.holds(stanza)) return;
    this.kept.keep(stanza);
    if (this.#rejected) this.#withheld.add(stanza);
    else this.#send(stanza);
  }

  /** Notes that the device has rejected a status that the server keeps. */
  reject(stanza: BinaryNode): void {
    this.#rejected ??= stanza;
  }

  /** Returns what the server sends at a login. */
  takeOffline(): BinaryNode[] {
    if (!this.#rejected) return [...this.kept];
    for (const stanza of this.kept) if (stanza !== this.#rejected) this.#withheld.add(stanza);
    return [this.#rejected];
  }

  /** Removes a stanza that the device has acknowledged from those that the server keeps (see `OfflineQueue.release`). */
  release(tag: string, id: string, matches: (stanza: BinaryNode) => boolean): BinaryNode | undefined {
    const released = this.kept.release(tag, id, matches);
    if (released) this.counts.acked++;
    if (!released || released !== this.#rejected) return released;
    this.#rejected = undefined;
    const withheld = [...this.#withheld];
    this.#withheld.clear();
    for (const stanza of withheld) this.#send(stanza);
    return released;
  }

  #send(stanza: BinaryNode): void {
    if (!this.socket?.active) return;
    this.counts.delivered++;
    this.socket.send(stanza);
  }

  /** Delivers the receipts that `faults.receipts` holds back, the newest first. */
  deliverHeldReceipts(): void {
    for (const receipt of this.faults.receipts.end()) this.deliver(receipt);
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

  /** Records that a socket with these credentials opened, closed or was replaced. */
  noteSocket(at: number, event: SocketEvent["event"]): void {
    if (event === "open") {
      this.sockets.open++;
      this.sockets.logins++;
    } else if (event === "close") this.sockets.open--;
    this.sockets.maximum = Math.max(this.sockets.maximum, this.sockets.open);
    this.sockets.history.push({ at, event, open: this.sockets.open });
  }
}
