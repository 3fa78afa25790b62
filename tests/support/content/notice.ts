import type { proto } from "@whiskeysockets/baileys";
import { type ContentCase, key, seller, target } from "./case.ts";

const protocol = (protocolMessage: proto.Message.IProtocolMessage): proto.IMessage => ({ protocolMessage });

/** Notices, which WhatsApp's apps show between the messages of a chat. */
export const noticeCases: Record<string, ContentCase> = {
  "a masked one-time code": {
    message: { placeholderMessage: { type: 0 } },
    content: { kind: "masked", reason: "oneTimeCode" },
    body: "You received a one-time code. For security, only the phone shows it.",
  },
  "a shared phone number": {
    message: protocol({ type: 11 }),
    content: { kind: "phoneNumberShared" },
    body: "Phone number shared",
  },
  "a request for the phone number": {
    message: { requestPhoneNumberMessage: {} },
    content: { kind: "phoneNumberRequest" },
    body: "Request for your phone number",
  },
  "limited sharing": {
    message: { limitSharingMessage: { message: protocol({ type: 27, limitSharing: { sharingLimited: true } }) } },
    protoType: "protocolMessage",
    content: { kind: "limitSharing", limited: true },
    body: "Advanced chat privacy turned on",
  },
  "the label of a member": {
    message: protocol({ type: 30, memberLabel: { label: "Coach" } }),
    content: { kind: "memberLabel", label: "Coach" },
    body: "Coach",
  },
  "a mention of a group in a status post": {
    message: { groupStatusMentionMessage: { message: protocol({ type: 25, key }) } },
    protoType: "protocolMessage",
    content: { kind: "statusMention", in: "group", target },
    body: "Mentioned this group in a status post",
  },
  "a mention of a person in a status post": {
    message: { statusMentionMessage: { message: protocol({ type: 25, key }) } },
    protoType: "protocolMessage",
    content: { kind: "statusMention", in: "person", target },
    body: "Mentioned you in a status post",
  },
  "a chat handed over to the Cloud API": {
    message: protocol({
      type: 21,
      cloudApiThreadControlNotification: {
        status: 1,
        notificationContent: { handoffNotificationText: "A colleague takes over" },
      },
    }),
    content: { kind: "handoff", control: "passed", text: "A colleague takes over" },
    body: "A colleague takes over",
  },
  "shared history": {
    message: {
      messageHistoryNotice: {
        messageHistoryMetadata: {
          historyReceivers: [seller],
          messageCount: 25,
          oldestMessageTimestamp: 1_800_000_000,
        },
      },
    },
    content: {
      kind: "sharedHistory",
      receivers: [seller],
      messageCount: 25,
      oldestAt: "2027-01-15T08:00:00.000Z",
    },
    body: "Message history shared: 25 messages",
  },
  "the file of a shared history": {
    message: { messageHistoryBundle: { mimetype: "x", messageHistoryMetadata: { messageCount: 1 } } },
    content: { kind: "sharedHistory", receivers: [], messageCount: 1 },
    body: "Message history shared: 1 message",
  },
  "a status notification": {
    message: { statusNotificationMessage: { originalMessageKey: key, type: 2 } },
    content: { kind: "statusNotification", action: "reshare", original: target, response: null },
    body: "Shared your status post",
  },
  "a quoted status post": {
    message: { statusQuotedMessage: { type: 1, text: "My answer", originalStatusId: key } },
    content: { kind: "statusQuote", text: "My answer", target },
    body: "My answer",
  },
  "a sticker on a status post": {
    message: { statusStickerInteractionMessage: { key, stickerKey: "heart", type: 1 } },
    content: { kind: "statusSticker", sticker: "heart", target },
    body: "Reaction to a status post",
  },
};
