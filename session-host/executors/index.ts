import type { CommandCatalog, CommandInput, CommandName, CommandOutput } from "../../core/command/catalog/index.ts";
import * as event from "./calendar-event.ts";
import * as call from "./call.ts";
import * as channel from "./channel.ts";
import * as community from "./community.ts";
import * as contact from "./contact.ts";
import * as convert from "./convert.ts";
import * as group from "./group.ts";
import * as instance from "./instance.ts";
import * as label from "./label.ts";
import * as link from "./link.ts";
import * as media from "./media.ts";
import * as message from "./message.ts";
import * as actions from "./message-action.ts";
import * as content from "./message-content.ts";
import type { Outcome } from "./outcome.ts";
import * as presence from "./presence.ts";
import * as profile from "./profile.ts";
import * as status from "./status.ts";
import type { ConnectedContext, ManagedSession, MutationContext, OfflineContext, PreparedMessage } from "./types.ts";

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
type Work<Name extends CommandName> = (
  context: OfflineContext,
  input: CommandInput<Name>,
) => Promise<CommandOutput<Name>>;
/** `cause`: the command's correlation id. */
type Manage<Name extends CommandName> = (
  session: ManagedSession,
  input: CommandInput<Name>,
  cause: string,
) => Promise<CommandOutput<Name>>;

/**
 * `instance.…` works on the session itself, `media.…` without one, a send prepares a message, everything else runs on the
 * open socket.
 */
type Executor<Name extends CommandName> = Name extends `instance.${string}`
  ? Manage<Name>
  : Name extends `media.${string}`
    ? Work<Name>
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
  "message.sendEvent": event.sendEvent,
  "message.sendLink": link.sendLink,
  "message.forward": content.forward,
  "message.star": content.star,
  "status.sendText": status.sendText,
  "status.sendMedia": status.sendMedia,
  "status.delete": status.deletePost,
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
  "call.list": call.list,
  "call.reject": call.reject,
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
  "community.list": community.list,
  "community.get": community.get,
  "community.create": community.create,
  "community.createGroup": community.createGroup,
  "community.linkGroup": community.linkGroup,
  "community.unlinkGroup": community.unlinkGroup,
  "community.leave": community.leave,
  "media.convertVoice": convert.convertVoice,
  "media.convertVideo": convert.convertVideo,
  "label.create": label.create,
  "label.update": label.update,
  "label.delete": label.remove,
  "label.setChat": label.setChat,
  "channel.create": channel.create,
  "channel.get": channel.get,
  "channel.follow": channel.follow,
  "channel.unfollow": channel.unfollow,
  "channel.mute": channel.mute,
  "channel.unmute": channel.unmute,
  "channel.update": channel.update,
  "channel.delete": channel.remove,
  "channel.messages": channel.messages,
  "instance.start": instance.start,
  "instance.restart": instance.restart,
  "instance.stop": instance.stop,
  "instance.logout": instance.logout,
  "instance.delete": instance.remove,
  "instance.requestPairingCode": instance.requestPairingCode,
};
