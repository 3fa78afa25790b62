import type { Strictness } from "../rule/strictness.ts";
import type { Certificates } from "../wire/certificate.ts";
import { hmac } from "../wire/crypto.ts";
import { HOSTED_SERVER, isLidServer, PN_SERVER, parseJid } from "../wire/jid.ts";
import type { Account, Endpoint } from "./account.ts";
import type { Call } from "./call.ts";
import type { Channel } from "./channel.ts";
import type { Connection } from "./connection.ts";
import type { Group } from "./group.ts";
import { delays, type LatencyRange } from "./limit/latency.ts";
import { DEFAULT_LIMITS, type Lookup, type LookupLimit } from "./limit/lookup-limits.ts";
import { ClientVersions } from "./link/client-version.ts";
import { LinkRequests } from "./link/link-requests.ts";
import type { MediaStore } from "./media-store.ts";
import { Openings } from "./openings.ts";

export type Clock = () => number;

/** A stanza that the simulator does not implement or expect. A test fails if such a stanza was received. */
export type UnknownStanza = { at: number; from: string; stanza: string; reason: string };

export type Counts = { messages: number; receipts: number; acks: number; logins: number; pairings: number };

/** The state of one simulated WhatsApp. Several worlds can exist in one process. */
export class World {
  /** Milliseconds since the epoch. */
  readonly clock: Clock;
  readonly certificates: Certificates;
  readonly media: MediaStore;
  /** By phone number. */
  readonly accounts = new Map<string, Account>();
  readonly accountsByLid = new Map<string, Account>();
  readonly groups = new Map<string, Group>();
  readonly calls = new Map<string, Call>();
  readonly channels = new Map<string, Channel>();
  readonly connections = new Set<Connection>();
  readonly openings = new Openings();
  /** Sockets of clients that wait to be linked, by the refs in their QR codes. */
  readonly pairings = new Map<string, Connection>();
  /** Which rules of WhatsApp the server enforces. */
  readonly rules: Strictness;
  readonly lookupLimits: Record<Lookup, LookupLimit> = structuredClone(DEFAULT_LIMITS);
  readonly linkRequests = new LinkRequests();
  readonly versions: ClientVersions;
  readonly unknown: UnknownStanza[] = [];
  readonly counts: Counts = { messages: 0, receipts: 0, acks: 0, logins: 0, pairings: 0 };
  readonly #latency: LatencyRange | undefined;
  #ids = 0;
  #connections = 0;

  constructor(options: {
    clock: Clock;
    certificates: Certificates;
    media: MediaStore;
    rules: Strictness;
    latency?: LatencyRange | undefined;
  }) {
    this.clock = options.clock;
    this.certificates = options.certificates;
    this.media = options.media;
    this.rules = options.rules;
    this.#latency = options.latency;
    this.versions = new ClientVersions(this.rules);
  }

  /** The current time as stanzas contain it: seconds since the epoch, as text. */
  get seconds(): string {
    return String(Math.floor(this.clock() / 1000));
  }

  /** Returns the privacy token that an account issues to a contact. The contact's messages to the account contain it. */
  privacyToken(account: Account, contact: Account): Buffer {
    return hmac(this.certificates.server.private, Buffer.from(`${account.lid} ${contact.lid}`)).subarray(0, 16);
  }

  /** Returns the delays of the stanzas of a new connection, or undefined without latency. */
  nextDelays(): (() => number) | undefined {
    return this.#latency && delays(this.#latency, this.#connections++);
  }

  /** Returns a unique id for a stanza from the server. */
  nextId(): string {
    return `${Math.floor(this.clock() / 1000)}-${++this.#ids}`;
  }

  add(account: Account): void {
    if (this.accounts.has(account.number)) throw new Error(`the account ${account.number} already exists`);
    this.accounts.set(account.number, account);
    this.accountsByLid.set(account.lid, account);
  }

  /** @param user a phone number or the user part of a LID, depending on the server */
  account(user: string, server: string): Account | undefined {
    if (isLidServer(server)) return this.accountsByLid.get(user);
    return [PN_SERVER, HOSTED_SERVER, "c.us"].includes(server) ? this.accounts.get(user) : undefined;
  }

  accountOf(jid: string): Account | undefined {
    const { user, server } = parseJid(jid);
    return this.account(user, server);
  }

  endpointOf(jid: string): Endpoint | undefined {
    const { user, server, device } = parseJid(jid);
    return this.account(user, server)?.endpoint(device);
  }
}
