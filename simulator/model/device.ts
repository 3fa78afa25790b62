import { formatJid, LID_SERVER, PN_SERVER } from "../wire/jid.ts";
import type { BinaryNode } from "../wire/node.ts";
import type { Account } from "./account.ts";
import { DeviceFaults } from "./faults.ts";
import { OfflineQueue } from "./offline-queue.ts";

export type PreKey = { id: number; public: Buffer };
export type SignedPreKey = PreKey & { signature: Buffer };

/** What another device needs to open a Signal session with this one. */
export type Bundle = {
  registrationId: number;
  identityKey: Buffer;
  signedPreKey: SignedPreKey;
  preKey?: PreKey;
  /** ADVSignedDeviceIdentity: present on companions, absent on phones. */
  deviceIdentity?: Buffer;
};

/** One device of an account as the server sees it: a phone in this process, or a companion behind a socket. */
export interface Endpoint {
  readonly id: number;
  readonly account: Account;
  deliver(stanza: BinaryNode): void;
  /** Uses up one prekey, if there is one left. */
  takeBundle(): Bundle;
}

/** A phone, which sends its companions what they need when they come online for the first time. */
export interface PrimaryEndpoint extends Endpoint {
  companionReady(device: Device): void;
}

export function endpointJid(endpoint: Endpoint, server: string): string {
  return server === LID_SERVER
    ? formatJid(endpoint.account.lid, LID_SERVER, endpoint.id)
    : formatJid(endpoint.account.number, PN_SERVER, endpoint.id);
}

/** What the device proved when it was paired. */
export type Credentials = {
  noiseKey: Buffer;
  identityKey: Buffer;
  registrationId: number;
  signedPreKey: SignedPreKey;
  deviceIdentity: Buffer;
  keyIndex: number;
  platform: string;
};

/** The open socket of a device. */
export interface DeviceSocket {
  send(stanza: BinaryNode): void;
  /** `stream:error` with a reason, and the end of the socket. */
  end(attrs: Record<string, string>, reason?: BinaryNode): void;
  readonly active: boolean;
}

export type SocketEvent = { at: number; event: "open" | "close" | "replaced"; open: number };

/** How many sockets were open with these credentials, now, at most, and when that changed. */
export type SocketView = { open: number; maximum: number; logins: number; history: SocketEvent[] };

export type DeviceCounts = { received: number; delivered: number; redelivered: number; acked: number; nacked: number };

/** A linked (companion) device: its keys, the stanzas kept for it, its socket when it is online. */
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
  lowPreKeyNoticeOpen = false;
  /** Whether it said on its open socket that it is online. */
  online = false;
  /** Every presence that it sent, a `<presence>` without type as `available`. */
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

  /** Keeps the stanza until the device acknowledges it, and sends it at once when the device listens. */
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
