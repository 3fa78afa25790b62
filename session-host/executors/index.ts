import type {
  CommandInput,
  CommandName,
  CommandOutput,
  ConvertName,
  ManageName,
  MutationName,
  QueryName,
  SendName,
} from "../../core/command/catalog/index.ts";
import { refuseLiveLocation } from "../../core/command/catalog/message/content.ts";
import * as survey from "./answer-survey.ts";
import * as business from "./business.ts";
import * as event from "./calendar-event.ts";
import * as call from "./call.ts";
import * as channel from "./channel.ts";
import * as chat from "./chat.ts";
import * as community from "./community.ts";
import * as contact from "./contact.ts";
import * as convert from "./convert.ts";
import * as group from "./group.ts";
import * as instance from "./instance.ts";
import * as interactive from "./interactive.ts";
import * as label from "./label.ts";
import * as link from "./link.ts";
import * as media from "./media.ts";
import * as actions from "./message-action.ts";
import * as content from "./message-content.ts";
import * as presence from "./presence.ts";
import * as privacy from "./privacy.ts";
import * as profile from "./profile.ts";
import type { ExecutorResult } from "./result.ts";
import * as status from "./status.ts";
import type {
  ConnectedContext,
  ManagedSession,
  MutationContext,
  OfflineContext,
  PreparedMessage,
  SendContext,
} from "./types.ts";

type Execute<Context, Name extends CommandName, Result> = (
  context: Context,
  input: CommandInput<Name>,
) => Promise<Result>;
type Result<Name extends CommandName> = CommandOutput<Name> | ExecutorResult<CommandOutput<Name>>;

// One registry per kind of command. A command without an executor does not compile.

/** Sends prepare a message. The send queue then sends it. */
export const sends: { readonly [Name in SendName]: Execute<SendContext, Name, PreparedMessage> } = {
  "message.sendText": link.sendText,
  "message.sendMedia": media.sendMedia,
  "message.sendLocation": content.sendLocation,
  // Is refused before it is accepted, so this only refuses a command of another version.
  "message.sendLiveLocation": refuseLiveLocation,
  "message.sendContact": content.sendContact,
  "message.sendPoll": content.sendPoll,
  "message.sendEvent": event.sendEvent,
  "message.sendLink": link.sendLink,
  "message.forward": content.forward,
  "message.sendButtons": interactive.sendButtons,
  "message.sendList": interactive.sendList,
  "status.sendText": status.sendText,
  "status.sendMedia": status.sendMedia,
};

/** Mutations change something over the open connection. */
export const mutations: { readonly [Name in MutationName]: Execute<MutationContext, Name, Result<Name>> } = {
  "message.star": content.star,
  "status.delete": status.deletePost,
  "message.delete": actions.remove,
  "message.edit": actions.edit,
  "message.react": actions.react,
  "message.vote": survey.vote,
  "message.answerEvent": survey.answerEvent,
  "message.markRead": actions.markRead,
  "chat.setTyping": actions.setTyping,
  "chat.setArchived": chat.setArchived,
  "chat.setPinned": chat.setPinned,
  "chat.setMuted": chat.setMuted,
  "chat.setRead": chat.setRead,
  "chat.setTimer": chat.setTimer,
  "chat.clear": chat.clear,
  "chat.delete": chat.remove,
  "contact.setBlocked": contact.setBlocked,
  "contact.setName": contact.setName,
  "profile.setName": profile.setName,
  "profile.setAbout": profile.setAbout,
  "profile.setPicture": profile.setPicture,
  "profile.removePicture": profile.removePicture,
  "profile.setPrivacy": privacy.setPrivacy,
  "business.setProfile": business.setProfile,
  "presence.set": presence.set,
  "presence.subscribe": presence.subscribe,
  "call.reject": call.reject,
  "group.create": group.create,
  "group.setSubject": group.setSubject,
  "group.setDescription": group.setDescription,
  "group.addParticipants": group.addParticipants,
  "group.removeParticipants": group.removeParticipants,
  "group.promote": group.promote,
  "group.demote": group.demote,
  "group.setSettings": group.setSettings,
  "group.leave": group.leave,
  "group.revokeInvite": group.revokeInvite,
  "group.acceptInvite": group.acceptInvite,
  "group.answerJoinRequests": group.answerJoinRequests,
  "group.setPicture": group.setPicture,
  "group.removePicture": group.removePicture,
  "community.create": community.create,
  "community.createGroup": community.createGroup,
  "community.linkGroup": community.linkGroup,
  "community.unlinkGroup": community.unlinkGroup,
  "community.leave": community.leave,
  "label.create": label.create,
  "label.update": label.update,
  "label.delete": label.remove,
  "label.setChat": label.setChat,
  "channel.create": channel.create,
  "channel.follow": channel.follow,
  "channel.unfollow": channel.unfollow,
  "channel.mute": channel.mute,
  "channel.unmute": channel.unmute,
  "channel.update": channel.update,
  "channel.delete": channel.remove,
};

/** Queries read something over the open connection. */
export const queries: { readonly [Name in QueryName]: Execute<ConnectedContext, Name, Result<Name>> } = {
  "contact.check": contact.check,
  "contact.about": contact.about,
  "contact.picture": contact.picture,
  "contact.blocked": contact.blocked,
  "contact.resolveLid": contact.resolveLid,
  "profile.get": profile.get,
  "profile.getPrivacy": privacy.getPrivacy,
  "business.getProfile": business.getProfile,
  "business.catalog": business.catalog,
  "business.collections": business.collections,
  "business.order": business.order,
  "presence.get": presence.get,
  "call.list": call.list,
  "group.list": group.list,
  "group.get": group.get,
  "group.inviteCode": group.getInviteCode,
  "group.joinRequests": group.joinRequests,
  "community.list": community.list,
  "community.get": community.get,
  "channel.get": channel.get,
  "channel.messages": channel.messages,
};

/** Commands that manage the session itself, connected or not. */
export const management: {
  readonly [Name in ManageName]: (
    session: ManagedSession,
    input: CommandInput<Name>,
    correlationId: string,
    acceptedAt: Date,
  ) => Promise<CommandOutput<Name>>;
} = {
  "instance.start": instance.start,
  "instance.restart": instance.restart,
  "instance.applySettings": instance.applySettings,
  "instance.updateSettings": instance.updateSettings,
  "instance.settings": instance.settings,
  "instance.pauseSends": instance.pauseSends,
  "instance.resumeSends": instance.resumeSends,
  "instance.clearQueue": instance.clearQueue,
  "instance.stop": instance.stop,
  "instance.logout": instance.logout,
  "instance.delete": instance.remove,
  "instance.requestPairingCode": instance.requestPairingCode,
  "instance.answerPasskey": instance.answerPasskey,
  "instance.confirmPasskey": instance.confirmPasskey,
};

/** Conversions of uploaded files. They need no connection. */
export const conversions: { readonly [Name in ConvertName]: Execute<OfflineContext, Name, CommandOutput<Name>> } = {
  "media.convertVoice": convert.convertVoice,
  "media.convertVideo": convert.convertVideo,
};
