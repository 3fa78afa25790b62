import type { proto, WASocket } from "@whiskeysockets/baileys";
import type { CommandCatalog, CommandInput, CommandName, CommandOutput } from "../../core/command/catalog.ts";
import type { Database } from "../../core/db/index.ts";
import type { MessageContext } from "../../core/message/context.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import type { MediaStage } from "../media.ts";
import type { Session } from "../session.ts";
import * as actions from "./actions.ts";
import * as contact from "./contact.ts";
import * as content from "./content.ts";
import * as group from "./group.ts";
import * as instance from "./instance.ts";
import * as link from "./link.ts";
import * as media from "./media.ts";
import * as message from "./message.ts";
import type { Outcome } from "./outcome.ts";
import * as presence from "./presence.ts";
import * as profile from "./profile.ts";

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
  "message.sendLocation": content.sendLocation,
  "message.sendContact": content.sendContact,
  "message.sendPoll": content.sendPoll,
  "message.sendLink": link.sendLink,
  "message.forward": content.forward,
  "message.star": content.star,
  "message.delete": actions.remove,
  "message.edit": actions.edit,
  "message.react": actions.react,
  "message.markRead": actions.markRead,
  "chat.setTyping": actions.setTyping,
  "contact.check": contact.check,
  "contact.about": contact.about,
  "contact.setBlocked": contact.setBlocked,
  "contact.setName": contact.setName,
  "contact.resolveLid": contact.resolveLid,
  "profile.get": profile.get,
  "profile.setName": profile.setName,
  "profile.setAbout": profile.setAbout,
  "profile.setPicture": profile.setPicture,
  "profile.removePicture": profile.removePicture,
  "presence.set": presence.set,
  "presence.subscribe": presence.subscribe,
  "presence.get": presence.get,
  "group.list": group.list,
  "group.get": group.get,
  "group.create": group.create,
  "group.setSubject": group.setSubject,
  "group.setDescription": group.setDescription,
  "group.addParticipants": group.addParticipants,
  "group.removeParticipants": group.removeParticipants,
  "group.promote": group.promote,
  "group.demote": group.demote,
  "group.setSettings": group.setSettings,
  "group.leave": group.leave,
  "group.inviteCode": group.getInviteCode,
  "group.revokeInvite": group.revokeInvite,
  "group.acceptInvite": group.acceptInvite,
  "group.joinRequests": group.joinRequests,
  "group.answerJoinRequests": group.answerJoinRequests,
  "group.setPicture": group.setPicture,
  "group.removePicture": group.removePicture,
  "instance.start": instance.start,
  "instance.restart": instance.restart,
  "instance.stop": instance.stop,
  "instance.logout": instance.logout,
  "instance.delete": instance.remove,
  "instance.requestPairingCode": instance.requestPairingCode,
};
