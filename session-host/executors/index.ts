import type { proto, WASocket } from "@whiskeysockets/baileys";
import type { CommandCatalog, CommandInput, CommandName, CommandOutput } from "../../core/command/catalog.ts";
import type { Database } from "../../core/db/index.ts";
import type { MessageContext } from "../../core/message/context.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import type { MediaStage } from "../media.ts";
import type { Session } from "../session.ts";
import * as actions from "./actions.ts";
import * as contact from "./contact.ts";
import * as instance from "./instance.ts";
import * as media from "./media.ts";
import * as message from "./message.ts";
import type { Outcome } from "./outcome.ts";

/** What a command that needs the connection gets to work with. */
export interface ConnectedContext {
  instanceId: string;
  sock: WASocket;
  media: MediaStage;
  /** For reading. What is to be written belongs into a change. */
  db: Database;
}

export type MutationContext = ConnectedContext & { commandId: string };

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

type Prepare<Name extends CommandName> = (
  context: ConnectedContext & { waId: string },
  input: CommandInput<Name>,
) => Promise<PreparedMessage>;
type Execute<Name extends CommandName> = (
  context: ConnectedContext,
  input: CommandInput<Name>,
) => Promise<CommandOutput<Name> | Outcome<CommandOutput<Name>>>;
type Mutate<Name extends CommandName> = (
  context: MutationContext,
  input: CommandInput<Name>,
) => Promise<CommandOutput<Name> | Outcome<CommandOutput<Name>>>;
type Manage<Name extends CommandName> = (session: Session, input: CommandInput<Name>) => Promise<CommandOutput<Name>>;

/** `instance.…` works on the session itself, a send prepares a message, everything else runs on the open socket. */
type Executor<Name extends CommandName> = Name extends `instance.${string}`
  ? Manage<Name>
  : CommandCatalog[Name]["kind"] extends "send"
    ? Prepare<Name>
    : CommandCatalog[Name]["kind"] extends "mutate"
      ? Mutate<Name>
      : Execute<Name>;

/** One executor for each command that is declared: a missing one does not compile. */
export const executors: { readonly [Name in CommandName]: Executor<Name> } = {
  "message.sendText": message.sendText,
  "message.sendMedia": media.sendMedia,
  "message.delete": actions.remove,
  "message.edit": actions.edit,
  "message.react": actions.react,
  "message.markRead": actions.markRead,
  "chat.setTyping": actions.setTyping,
  "contact.check": contact.check,
  "instance.start": instance.start,
  "instance.restart": instance.restart,
  "instance.stop": instance.stop,
  "instance.logout": instance.logout,
  "instance.delete": instance.remove,
  "instance.requestPairingCode": instance.requestPairingCode,
};
