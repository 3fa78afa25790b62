import { Account, type Business, type Device, type PrimaryEndpoint } from "../model/account.ts";
import type { Bundle } from "../model/link/credentials.ts";
import type { World } from "../model/world.ts";
import type { Typing } from "../stanza/account/presence.ts";
import type { BinaryNode } from "../wire/node.ts";
import { type MediaRetry, PhoneFiles } from "./mailbox/files.ts";
import { Inbox } from "./mailbox/inbox.ts";
import { SentMessages } from "./mailbox/sent.ts";
import { type SignalState, SignalStore } from "./signal/signal-store.ts";
import { type ChatTimer, Timers } from "./timers.ts";

type TimerEntries = [string, ChatTimer][];

/** How the envelope of a message names accounts: by phone number (`pn`) or by LID. */
export type Addressing = "pn" | "lid";

/** A ciphertext that the phone could not decrypt. */
export type DecryptionFailure = { id: string; from: string; type: string; error: string };

export type BaseOptions = {
  /** Digits only, with the country code. */
  number: string;
  pushName?: string;
  /** Makes the account a WhatsApp Business account. `true` takes the push name as the business name. */
  business?: Business | true;
  /** Whether WhatsApp has moved the account from phone numbers to LIDs. Default: true. */
  lidMigrated?: boolean;
  /** How the envelopes of this phone's messages name accounts. Default: `lid` if the account is moved, otherwise `pn`. */
  addressing?: Addressing;
};

/** The state that all parts of a phone share. */
export abstract class PhoneBase implements PrimaryEndpoint {
  readonly id = 0;
  readonly world: World;
  readonly account: Account;
  signal: SignalStore;
  readonly sent = new SentMessages();
  readonly inbox = new Inbox();
  /** Ciphertexts that the phone could not decrypt. The phone requests the message again. */
  readonly failures: DecryptionFailure[] = [];
  /** Errors while the phone handled a stanza. A test fails if this list is not empty. */
  readonly errors: Error[] = [];
  /** The received stanzas that are neither messages nor receipts, oldest first. */
  readonly notifications: BinaryNode[] = [];
  /** The received typing states of other accounts, oldest first. */
  readonly typing: { chat: string; from: string; state: Typing; at: number }[] = [];
  addressing: Addressing;
  /** The timers for disappearing messages of chats with one person. */
  readonly timers: Timers;
  readonly files = new PhoneFiles();
  mediaRetry: MediaRetry = "upload";

  constructor(world: World, options: BaseOptions, lid: string, saved?: { signal: SignalState; timers?: TimerEntries }) {
    const signal = saved?.signal;
    this.world = world;
    this.timers = new Timers(saved?.timers);
    this.signal = new SignalStore(options.number, signal);
    this.account = new Account(options.number, lid, this.signal.identity.public, options.pushName ?? "");
    const { business } = options;
    this.account.business = business === true ? { name: options.pushName ?? options.number } : business;
    this.account.phone = this;
    this.account.lidMigrated = options.lidMigrated ?? true;
    this.addressing = options.addressing ?? (this.account.lidMigrated ? "lid" : "pn");
  }

  abstract deliver(stanza: BinaryNode): void;
  abstract companionReady(device: Device): void;

  takeBundle(): Bundle {
    return this.signal.bundle();
  }

  get number(): string {
    return this.account.number;
  }

  /** Phone-number JID. */
  get jid(): string {
    return this.account.pnJid;
  }

  get lidJid(): string {
    return this.account.lidJid;
  }

  get pushName(): string {
    return this.account.pushName;
  }
}
