import type { proto, WASocket } from "@whiskeysockets/baileys";
import type { CommandCatalog, CommandInput, CommandName, CommandOutput } from "../../core/command/catalog.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import type { MediaStage } from "../media.ts";
import type { Session } from "../session.ts";
import * as instance from "./instance.ts";
import * as message from "./message.ts";

/** What a command that needs the connection gets to work with. */
export interface ConnectedContext {
  instanceId: string;
  sock: WASocket;
  media: MediaStage;
}

/** What a message will be: kept before it is sent, so that every try sends the same. */
export interface PreparedMessage {
  jid: string;
  message: proto.IMessage;
  type: string;
  protoType: string;
  media: MessageMedia | null;
}

type Prepare<Name extends CommandName> = (
  context: ConnectedContext & { waId: string },
  input: CommandInput<Name>,
) => Promise<PreparedMessage>;
type Execute<Name extends CommandName> = (
  context: ConnectedContext,
  input: CommandInput<Name>,
) => Promise<CommandOutput<Name>>;
type Manage<Name extends CommandName> = (session: Session, input: CommandInput<Name>) => Promise<CommandOutput<Name>>;

/** `instance.…` works on the session itself, a send prepares a message, everything else runs on the open socket. */
type Executor<Name extends CommandName> = Name extends `instance.${string}`
  ? Manage<Name>
  : CommandCatalog[Name]["kind"] extends "send"
    ? Prepare<Name>
    : Execute<Name>;

/** One executor for each command that is declared: a missing one does not compile. */
export const executors: { readonly [Name in CommandName]: Executor<Name> } = {
  "message.sendText": message.sendText,
  "message.sendMedia": message.sendMedia,
  "instance.start": instance.start,
  "instance.restart": instance.restart,
  "instance.logout": instance.logout,
  "instance.delete": instance.remove,
  "instance.requestPairingCode": instance.requestPairingCode,
};
