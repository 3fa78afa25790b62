import type { EventEmitter } from "node:events";
import type { AuthenticationCreds, ConnectionState } from "@whiskeysockets/baileys";
import type { Clock } from "../../../core/clock.ts";
import type { Vault } from "../../../core/crypto/index.ts";
import type { Database } from "../../../core/db/index.ts";
import type { ProxyDialer } from "../../../core/egress/dial.ts";
import type { InstanceHistory } from "../../../core/instance/instance.sql.ts";
import type { Logger } from "../../../core/log.ts";
import type { Retention } from "../../../core/retention/index.ts";
import type { KeyStore } from "../../baileys/key-store.ts";
import type { RestrictionReport } from "../../baileys/restriction.ts";
import type { WhatsAppEndpoint } from "../../baileys/whatsapp.ts";
import type { Ack } from "../../command/send/flights.ts";
import type { RetryCounts, SentMessage } from "../../command/send/retries.ts";
import type { Change } from "../../ledger/change.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { PasskeyDemand } from "../link/passkey.ts";
import type { Recorder } from "../recorder.ts";
import type { SharedCaches } from "./caches.ts";
import type { Gate } from "./gate.ts";

/** What a connection gets from its session. */
export interface ConnectionDeps {
  db: Database;
  vault: Vault;
  /** The retention that the operator has set. */
  retention: Retention;
  ledger: Ledger;
  leaseHeld: () => boolean;
  /** Runs the commands that the session itself has stored. */
  takeQueued: () => void;
  /** Removes what belongs to the account that was linked before, if the credentials are those of another account. */
  removeFormerAccount: (instanceId: string, creds: AuthenticationCreds) => Promise<void>;
  endpoint: WhatsAppEndpoint;
  dialProxy: ProxyDialer;
  caches: SharedCaches;
  log: Logger;
  clock: Clock;
}

/** What a connection reports to its session. */
export interface ConnectionHandlers {
  /** The WebSocket is open. The handshake starts when this resolves. */
  beforeHandshake(): Promise<void>;
  /** Baileys reports a new state of the connection. */
  onUpdate(update: Partial<ConnectionState>): void;
  /** WhatsApp acknowledged or refused a message of ours. */
  onAck(waId: string, ack: Ack): void;
  /** WhatsApp reports a restriction of the account, or its end. */
  onRestriction(report: RestrictionReport): void;
  /** Messages from these chats, named by all their JIDs, are durable. */
  onReceived(chats: readonly string[]): void;
  /** Returns a message that was sent with this id and is not in the database. */
  recall(waId: string): SentMessage | undefined;
  /** The numbers of copies that devices got. They outlive the connection. */
  retryCounts: RetryCounts;
  /** A message with a file to download is durable. */
  onMedia(): void;
  /** A part of the history to import is durable. */
  onHistory(): void;
  /** WhatsApp asks for a passkey before it links the device. */
  onPasskey(demand: PasskeyDemand): void;
}

/** The parts of a connection that exist before its socket. */
export interface ConnectionParts {
  gate: Gate;
  recorder: Recorder;
  store: KeyStore;
  creds: AuthenticationCreds;
  /** Keys of stanzas that were refused too often, with their errors. */
  refused: ReadonlyMap<string, string>;
  /** Passes each change to its listeners once it is durable. */
  durable: EventEmitter<{ change: [Change] }>;
  history: InstanceHistory;
  imported: boolean;
}
