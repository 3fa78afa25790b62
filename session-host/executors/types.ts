import type { proto, WASocket } from "@whiskeysockets/baileys";
import type { Database } from "../../core/db/index.ts";
import type { MessageContext } from "../../core/message/context.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import type { Conversions } from "../media/conversion.ts";
import type { MediaStage } from "../media/media.ts";

/** What a command that needs the connection gets to work with. */
export interface ConnectedContext {
  instanceId: string;
  sock: WASocket;
  media: MediaStage;
  /** For reading. What is to be written belongs into a change. */
  db: Database;
}

export type MutationContext = ConnectedContext & { commandId: string };

/** What a command that needs no connection gets to work with. */
export interface OfflineContext {
  instanceId: string;
  conversions: Conversions;
  /** Begun after this, nobody waits for it any more. */
  deadline: Date;
}

/** What a message will be: kept before it is sent, so that every try sends the same. */
export interface PreparedMessage {
  jid: string;
  message: proto.IMessage;
  type: string;
  protoType: string;
  media: MessageMedia | null;
  /** What it says besides, as `contextOf` answers it; null when it says nothing. */
  context: MessageContext | null;
}
