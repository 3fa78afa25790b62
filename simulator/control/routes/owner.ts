import { z } from "zod";
import * as chats from "../../phone/owner/chats.ts";
import { removeContact, saveContact } from "../../phone/owner/contacts.ts";
import * as profile from "../../phone/owner/profile.ts";
import { toJid } from "../../wire/jid.ts";
import { phoneOf } from "../base/lookup.ts";
import { withStatus } from "../base/problem.ts";
import { type Route, route } from "../base/route.ts";
import { MessageView, PhoneView } from "../base/schema.ts";
import { messageView, phoneView } from "../base/view.ts";

const ChatView = z.object({
  id: z.string().describe("JID, as in the app state"),
  archived: z.boolean(),
  pinned: z.boolean(),
  mutedUntil: z.number().optional().describe("Milliseconds since 1970; -1 without an end; absent if not muted"),
  markedUnread: z.boolean(),
});
const ChatChange = z.object({
  archived: z.boolean().optional().describe("An archived chat is no longer pinned"),
  pinned: z.boolean().optional(),
  mutedUntil: z
    .number()
    .int()
    .min(-1)
    .nullable()
    .optional()
    .describe("Milliseconds since 1970; -1 without an end; null unmutes"),
  read: z.boolean().optional().describe("Mark the chat in the list of chats. This sends no read receipts"),
});
const ProfileView = z.object({
  about: z.string(),
  picture: z.boolean(),
  privacy: z.record(z.string(), z.string()).describe("The changed settings. The others are `all`"),
});
const ProfileChange = z.object({
  about: z.string().max(139).optional(),
  picture: z.base64().nullable().optional().describe("A JPEG in Base64; null removes the picture"),
  privacy: z
    .record(z.string(), z.string())
    .optional()
    .describe("Settings by WhatsApp's names, such as `last`, `profile`, `status`, `readreceipts`"),
});
const People = z.array(z.string()).describe("LIDs");

type Chat = Parameters<Route["run"]>[0];
/** The JID of the chat in the path: a phone number, or a JID of a person or group. */
const chatIn = ({ params }: Pick<Chat, "params">) => toJid(params.chat ?? "");
const contactIn = ({ params }: Pick<Chat, "params">) => params.contact ?? "";

/** Routes for the actions of owners on their phones, except for messages, groups and channels. */
export const ownerRoutes: Route[] = [
  route({
    method: "get",
    path: "/phones/{number}/chats",
    summary: "List the chats that were archived, pinned, muted or marked, on the phone or a linked device",
    answer: z.array(ChatView),
    run: (request) => chats.chatsOf(phoneOf(request)),
  }),
  route({
    method: "patch",
    path: "/phones/{number}/chats/{chat}",
    summary: "Archive, pin or mute a chat, or mark it as read or unread. Linked devices learn it.",
    body: ChatChange,
    answer: ChatView,
    run: (request) =>
      withStatus(404, () => {
        const [phone, chat] = [phoneOf(request), chatIn(request)];
        const { archived, pinned, mutedUntil, read } = request.body;
        if (archived !== undefined) chats.archiveChat(phone, chat, archived);
        if (pinned !== undefined) chats.pinChat(phone, chat, pinned);
        if (mutedUntil !== undefined) chats.muteChat(phone, chat, mutedUntil);
        if (read !== undefined) chats.markChat(phone, chat, read);
        return chats.chatOf(phone, chat);
      }),
  }),
  route({
    method: "get",
    path: "/phones/{number}/chats/{chat}/messages",
    summary: "List the received messages that the phone shows in a chat: those that were neither cleared nor deleted",
    answer: z.array(MessageView),
    run: (request) => chats.messagesOf(phoneOf(request), chatIn(request)).map(messageView),
  }),
  route({
    method: "post",
    path: "/phones/{number}/chats/{chat}/clear",
    summary: "Remove the messages of a chat on the phone and its linked devices. Other people keep them.",
    run: (request) => withStatus(404, () => chats.clearChat(phoneOf(request), chatIn(request))),
  }),
  route({
    method: "delete",
    path: "/phones/{number}/chats/{chat}",
    summary: "Delete a chat with its messages on the phone and its linked devices",
    run: (request) => withStatus(404, () => chats.clearChat(phoneOf(request), chatIn(request), { delete: true })),
  }),
  route({
    method: "put",
    path: "/phones/{number}/keep-archived",
    summary: "Set whether chats stay archived when they get messages, as they do at first. Linked devices learn it.",
    body: z.object({ keep: z.boolean() }),
    run: (request) => chats.keepArchived(phoneOf(request), request.body.keep),
  }),
  route({
    method: "put",
    path: "/phones/{number}/contacts/{contact}",
    summary: "Add a number to the address book of the phone, or rename it. Linked devices learn it.",
    body: z.object({ name: z.string().min(1).max(100) }),
    run: (request) => saveContact(phoneOf(request), contactIn(request), request.body.name),
  }),
  route({
    method: "delete",
    path: "/phones/{number}/contacts/{contact}",
    summary: "Remove a number from the address book",
    run: (request) => removeContact(phoneOf(request), contactIn(request)),
  }),
  route({
    method: "get",
    path: "/phones/{number}/blocked",
    summary: "List the people that the owner has blocked",
    answer: People,
    run: (request) => profile.blockedOf(phoneOf(request)),
  }),
  route({
    method: "put",
    path: "/phones/{number}/blocked/{contact}",
    summary: "Block a person, who is given by number or JID. Linked devices learn it.",
    answer: People,
    run: (request) => {
      profile.setBlocked(phoneOf(request), contactIn(request));
      return profile.blockedOf(phoneOf(request));
    },
  }),
  route({
    method: "delete",
    path: "/phones/{number}/blocked/{contact}",
    summary: "Unblock a person",
    run: (request) => profile.setBlocked(phoneOf(request), contactIn(request), false),
  }),
  route({
    method: "get",
    path: "/phones/{number}/profile",
    summary: "Get the about text, whether there is a picture, and the privacy settings",
    answer: ProfileView,
    run: (request) => profile.profileOf(phoneOf(request)),
  }),
  route({
    method: "patch",
    path: "/phones/{number}/profile",
    summary: "Change the about text, the picture or privacy settings. Returns 409 for a setting that WhatsApp refuses.",
    body: ProfileChange,
    answer: ProfileView,
    run: (request) => {
      const phone = phoneOf(request);
      const { about, picture, privacy = {} } = request.body;
      for (const [name, value] of Object.entries(privacy)) profile.setPrivacy(phone, name, value);
      if (about !== undefined) profile.setAbout(phone, about);
      if (picture !== undefined) profile.setPicture(phone, picture === null ? null : Buffer.from(picture, "base64"));
      return profile.profileOf(phone);
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/presence",
    summary: "Open or close WhatsApp on the phone: people who follow the presence see it",
    body: z.object({ available: z.boolean() }),
    run: (request) => phoneOf(request).setPresence(request.body.available),
  }),
  route({
    method: "post",
    path: "/phones/{number}/reinstall",
    summary: "Reinstall WhatsApp: the phone has new keys, and all linked devices are unlinked",
    answer: PhoneView,
    run: (request) => {
      const phone = phoneOf(request);
      phone.reinstall();
      return phoneView(phone);
    },
  }),
];
