import type { proto, WASocket } from "@whiskeysockets/baileys";
import type { Database } from "../../core/db/index.ts";
import type { MessageContext } from "../../core/message/context.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import type { DisappearingTimers } from "../inbound/disappearing.ts";
import type { LabelBook } from "../inbound/labels.ts";
import type { PresenceBook } from "../inbound/presences.ts";
import type { Conversions } from "../media/conversion.ts";
import type { MediaStage } from "../media/stage.ts";

/** An open connection: its socket, and what it has reported so far. */
export interface OpenConnection {
  readonly sock: WASocket;
  readonly presences: PresenceBook;
  readonly disappearing: DisappearingTimers;
  readonly labels: LabelBook;
}

/** What commands work with that need an open connection. */
export interface ConnectedContext extends OpenConnection {
  instanceId: string;
  media: MediaStage;
  /** Read only. Writes belong into a `Change`. */
  db: Database;
}

export type SendContext = ConnectedContext & { waId: string };
export type MutationContext = ConnectedContext & { commandId: string };

/** The session, as the `instance.…` commands see it. `cause` is the correlation id of the command. */
export interface ManagedSession {
  start(cause: string): Promise<void>;
  restart(cause: string): Promise<void>;
  disable(cause: string): Promise<void>;
  logout(cause: string): Promise<void>;
  remove(cause: string): Promise<void>;
  requestPairingCode(phoneNumber: string, cause: string): Promise<{ code: string; expiresAt: string }>;
}

/** What commands work with that need no connection. */
export interface OfflineContext {
  instanceId: string;
  conversions: Conversions;
  /** After this, nobody waits for the result. */
  deadline: Date;
}

/** A message that is ready to be sent. It is stored before it is sent, so that every attempt sends the same. */
export interface PreparedMessage {
  jid: string;
  message: proto.IMessage;
  type: string;
  protoType: string;
  media: MessageMedia | null;
  /** Quote, mentions and the like (see `MessageExtras`); null if there are none. */
  context: MessageContext | null;
}
