import type { proto, WASocket } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import type { Database } from "../../core/db/index.ts";
import type { EffectiveSettings } from "../../core/instance/setting/effective.ts";
import type { MessageContext } from "../../core/message/context.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import type { Addressing } from "../baileys/address/addressing.ts";
import type { Recipients } from "../baileys/send/recipients.ts";
import type { Owner } from "../concurrency/fair-turns.ts";
import type { DisappearingTimers } from "../inbound/disappearing.ts";
import type { LabelBook } from "../inbound/labels.ts";
import type { PresenceBook } from "../inbound/presences.ts";
import type { Change } from "../ledger/change.ts";
import type { Conversions } from "../media/conversion.ts";
import type { MediaStage } from "../media/stage.ts";

/** An open connection: its socket, and what it has reported so far. */
export interface OpenConnection {
  readonly sock: WASocket;
  readonly presences: PresenceBook;
  readonly disappearing: DisappearingTimers;
  readonly labels: LabelBook;
  readonly recipients: Recipients;
  readonly addressing: Addressing;
}

/** The context of commands that need an open connection. */
export interface ConnectedContext extends OpenConnection, Owner {
  media: MediaStage;
  /** For reading only. An executor writes by returning a `Change`. */
  db: Database;
}

export type SendContext = ConnectedContext & {
  waId: string;
  /** Aborts when the send is canceled. Present if a file or page is prepared for it. */
  signal?: AbortSignal;
};
export type MutationContext = ConnectedContext & {
  commandId: string;
  /** Notes a step that WhatsApp has accepted. If a later step fails, the change of this step is recorded all the same. */
  accepted: (change: Change) => void;
};

/** The part of a session that the `instance.…` commands use. */
export interface ManagedSession {
  start(correlationId: string): Promise<void>;
  restart(correlationId: string): Promise<void>;
  /** Opens a new connection if the settings need one. A session that was stopped meanwhile stays stopped. */
  reconnectIfNeeded(correlationId: string): Promise<void>;
  readonly settings: {
    /** Makes an open connection use the settings as they are now. */
    apply(): Promise<void>;
    /** Whether the connection was opened with other settings that it can't change while it is open. */
    readonly needsReconnect: boolean;
    /** Returns the settings as they apply, and where each comes from. */
    readEffective(): Promise<EffectiveSettings>;
  };
  disable(correlationId: string): Promise<void>;
  logout(correlationId: string): Promise<void>;
  remove(correlationId: string): Promise<void>;
  requestPairingCode(phoneNumber: string, correlationId: string): Promise<{ code: string; expiresAt: string }>;
  readonly sends: {
    pause(correlationId: string): Promise<Date>;
    resume(correlationId: string): Promise<void>;
    clear(filter: CommandInput<"instance.clearQueue">, requestedAt: Date): Promise<number>;
  };
  /** The passkey pairing of the current connection. Throws `conflict` if there is no connection. */
  readonly passkey: {
    answer(answer: CommandInput<"instance.answerPasskey">): Promise<string | null>;
    confirm(): Promise<void>;
  };
}

/** The context of commands that need no connection. */
export interface OfflineContext extends Owner {
  conversions: Conversions;
  /** The time after which no caller waits for the result. */
  deadline: Date;
}

/**
 * A message that is ready to be sent. The message is stored before it is sent, so that every attempt sends the same
 * message.
 */
export interface PreparedMessage {
  jid: string;
  message: proto.IMessage;
  type: string;
  protoType: string;
  media: MessageMedia | null;
  /** The quote, the mentions and so on (see `MessageExtras`). Null if the message has no extras. */
  context: MessageContext | null;
}
