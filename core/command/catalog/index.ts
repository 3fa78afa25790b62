import type * as z from "zod";
import * as business from "./business.ts";
import * as call from "./call.ts";
import * as channel from "./channel.ts";
import * as chat from "./chat.ts";
import * as community from "./community.ts";
import * as contact from "./contact.ts";
import type { CommandKind } from "./define.ts";
import * as group from "./group.ts";
import * as instance from "./instance.ts";
import * as label from "./label.ts";
import * as media from "./media.ts";
import * as action from "./message/action.ts";
import * as answer from "./message/answer.ts";
import * as event from "./message/calendar-event.ts";
import * as content from "./message/content.ts";
import * as interactive from "./message/interactive.ts";
import * as message from "./message/send.ts";
import * as presence from "./presence.ts";
import * as profile from "./profile.ts";
import * as status from "./status.ts";

/** Every command, by name. The executors, the endpoints, the schemas of the queue and the tests are derived from this. */
export const commandCatalog = {
  [message.sendText.name]: message.sendText,
  [message.sendMedia.name]: message.sendMedia,
  [content.sendLocation.name]: content.sendLocation,
  [content.sendLiveLocation.name]: content.sendLiveLocation,
  [content.sendContact.name]: content.sendContact,
  [content.sendPoll.name]: content.sendPoll,
  [event.sendEvent.name]: event.sendEvent,
  [content.sendLink.name]: content.sendLink,
  [content.forward.name]: content.forward,
  [interactive.sendButtons.name]: interactive.sendButtons,
  [interactive.sendList.name]: interactive.sendList,
  [content.star.name]: content.star,
  [status.sendText.name]: status.sendText,
  [status.sendMedia.name]: status.sendMedia,
  [status.remove.name]: status.remove,
  [action.remove.name]: action.remove,
  [action.edit.name]: action.edit,
  [action.react.name]: action.react,
  [answer.vote.name]: answer.vote,
  [answer.answerEvent.name]: answer.answerEvent,
  [action.markRead.name]: action.markRead,
  [action.setTyping.name]: action.setTyping,
  [chat.setArchived.name]: chat.setArchived,
  [chat.setPinned.name]: chat.setPinned,
  [chat.setMuted.name]: chat.setMuted,
  [chat.setRead.name]: chat.setRead,
  [chat.setTimer.name]: chat.setTimer,
  [chat.clear.name]: chat.clear,
  [chat.remove.name]: chat.remove,
  [contact.check.name]: contact.check,
  [contact.about.name]: contact.about,
  [contact.picture.name]: contact.picture,
  [contact.blocked.name]: contact.blocked,
  [contact.setBlocked.name]: contact.setBlocked,
  [contact.setName.name]: contact.setName,
  [contact.resolveLid.name]: contact.resolveLid,
  [profile.get.name]: profile.get,
  [profile.setName.name]: profile.setName,
  [profile.setAbout.name]: profile.setAbout,
  [profile.setPicture.name]: profile.setPicture,
  [profile.removePicture.name]: profile.removePicture,
  [profile.getPrivacy.name]: profile.getPrivacy,
  [profile.setPrivacy.name]: profile.setPrivacy,
  [business.getProfile.name]: business.getProfile,
  [business.setProfile.name]: business.setProfile,
  [business.catalog.name]: business.catalog,
  [business.collections.name]: business.collections,
  [business.order.name]: business.order,
  [presence.set.name]: presence.set,
  [presence.subscribe.name]: presence.subscribe,
  [presence.get.name]: presence.get,
  [call.list.name]: call.list,
  [call.reject.name]: call.reject,
  [group.list.name]: group.list,
  [group.get.name]: group.get,
  [group.create.name]: group.create,
  [group.setSubject.name]: group.setSubject,
  [group.setDescription.name]: group.setDescription,
  [group.addParticipants.name]: group.addParticipants,
  [group.removeParticipants.name]: group.removeParticipants,
  [group.promote.name]: group.promote,
  [group.demote.name]: group.demote,
  [group.setSettings.name]: group.setSettings,
  [group.leave.name]: group.leave,
  [group.getInviteCode.name]: group.getInviteCode,
  [group.revokeInvite.name]: group.revokeInvite,
  [group.acceptInvite.name]: group.acceptInvite,
  [group.joinRequests.name]: group.joinRequests,
  [group.answerJoinRequests.name]: group.answerJoinRequests,
  [group.setPicture.name]: group.setPicture,
  [group.removePicture.name]: group.removePicture,
  [community.list.name]: community.list,
  [community.get.name]: community.get,
  [community.create.name]: community.create,
  [community.createGroup.name]: community.createGroup,
  [community.linkGroup.name]: community.linkGroup,
  [community.unlinkGroup.name]: community.unlinkGroup,
  [community.leave.name]: community.leave,
  [media.convertVoice.name]: media.convertVoice,
  [media.convertVideo.name]: media.convertVideo,
  [label.create.name]: label.create,
  [label.update.name]: label.update,
  [label.remove.name]: label.remove,
  [label.setChat.name]: label.setChat,
  [channel.create.name]: channel.create,
  [channel.get.name]: channel.get,
  [channel.follow.name]: channel.follow,
  [channel.unfollow.name]: channel.unfollow,
  [channel.mute.name]: channel.mute,
  [channel.unmute.name]: channel.unmute,
  [channel.update.name]: channel.update,
  [channel.remove.name]: channel.remove,
  [channel.messages.name]: channel.messages,
  [instance.start.name]: instance.start,
  [instance.restart.name]: instance.restart,
  [instance.applySettings.name]: instance.applySettings,
  [instance.updateSettings.name]: instance.updateSettings,
  [instance.settings.name]: instance.settings,
  [instance.stop.name]: instance.stop,
  [instance.pauseSends.name]: instance.pauseSends,
  [instance.resumeSends.name]: instance.resumeSends,
  [instance.clearQueue.name]: instance.clearQueue,
  [instance.logout.name]: instance.logout,
  [instance.remove.name]: instance.remove,
  [instance.requestPairingCode.name]: instance.requestPairingCode,
  [instance.answerPasskey.name]: instance.answerPasskey,
  [instance.confirmPasskey.name]: instance.confirmPasskey,
};

export type CommandCatalog = typeof commandCatalog;
export type CommandName = keyof CommandCatalog;
export type CommandInput<Name extends CommandName> = z.output<CommandCatalog[Name]["input"]>;
export type CommandOutput<Name extends CommandName> = z.output<CommandCatalog[Name]["output"]>;

type NameOf<Kind extends CommandKind> = {
  [Name in CommandName]: CommandCatalog[Name]["kind"] extends Kind ? Name : never;
}[CommandName];

/** Commands that manage the session itself, whether or not it is connected. */
export type ManageName = Extract<CommandName, `instance.${string}`>;
/** Commands that work on files of an instance and need no session. */
export type ConvertName = Extract<CommandName, `media.${string}`>;
/** Commands that send a message. */
export type SendName = NameOf<"send">;
/** Commands that change something over the open connection. */
export type MutationName = Exclude<NameOf<"mutate">, ManageName>;
/** Commands that read something over the open connection. */
export type QueryName = Exclude<NameOf<"query">, ManageName | ConvertName>;

export const isManageName = (name: CommandName): name is ManageName => name.startsWith("instance.");
export const isConvertName = (name: CommandName): name is ConvertName => name.startsWith("media.");
export const isSendName = (name: CommandName): name is SendName => commandCatalog[name].kind === "send";
export const isQueryName = (name: CommandName): name is QueryName =>
  commandCatalog[name].kind === "query" && !isManageName(name) && !isConvertName(name);
/** Whether a command waits for no other command of its instance, so that a session never holds it. */
export const isImmediate = (name: CommandName): boolean =>
  isQueryName(name) || isManageName(name) || isConvertName(name);

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commandCatalog, name);
}
