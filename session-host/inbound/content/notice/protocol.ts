import { proto } from "@whiskeysockets/baileys";
import type { Content } from "../../../../core/message/content/index.ts";
import { type Ignored, ignored, type Scope } from "../parse.ts";
import { enumOf, Reader, referenceOf } from "../reader.ts";

const { Type } = proto.Message.ProtocolMessage;
type TypeName = keyof typeof Type;
type Protocol = proto.Message.IProtocolMessage;

/** The values of `CloudAPIThreadControl` in WAProto. */
const controls = { 1: "passed", 2: "taken" } as const;

/** What becomes of each type of protocol message. WhatsApp's apps show some of them as a notice in the chat. */
export const protocolTypes: { [Name in TypeName]: ((part: Protocol, scope: Scope) => Content) | Ignored } = {
  REVOKE: ignored("a deletion: `message/revision.ts`"),
  MESSAGE_EDIT: ignored("an edit: `message/revision.ts`"),
  EPHEMERAL_SETTING: ignored("an event about the chat: `inbound/disappearing.ts`"),
  SHARE_PHONE_NUMBER: () => ({ kind: "phoneNumberShared" }),
  LIMIT_SHARING: ({ limitSharing }) => ({ kind: "limitSharing", limited: limitSharing?.sharingLimited === true }),
  GROUP_MEMBER_LABEL_CHANGE: ({ memberLabel }, scope) => ({
    kind: "memberLabel",
    label: new Reader(scope).name(memberLabel?.label),
  }),
  // The key names the status post. The wrapper says whether a person or a group is mentioned.
  STATUS_MENTION_MESSAGE: ({ key }, { flags }) => ({
    kind: "statusMention",
    in: flags.has("groupStatusMention") ? "group" : "person",
    target: referenceOf(key),
  }),
  CLOUD_API_THREAD_CONTROL_NOTIFICATION: ({ cloudApiThreadControlNotification: notice }, scope) => ({
    kind: "handoff",
    control: enumOf(controls, notice?.status),
    text: new Reader(scope).main(notice?.notificationContent?.handoffNotificationText),
  }),
  EPHEMERAL_SYNC_RESPONSE: ignored("from the phone to its linked devices"),
  HISTORY_SYNC_NOTIFICATION: ignored("from the phone to its linked devices: earlier messages"),
  APP_STATE_SYNC_KEY_SHARE: ignored("from the phone to its linked devices: keys"),
  APP_STATE_SYNC_KEY_REQUEST: ignored("between devices of one account: keys"),
  APP_STATE_FATAL_EXCEPTION_NOTIFICATION: ignored("between devices of one account"),
  MSG_FANOUT_BACKFILL_REQUEST: ignored("between devices of one account"),
  INITIAL_SECURITY_NOTIFICATION_SETTING_SYNC: ignored("from the phone to its linked devices: a setting"),
  PEER_DATA_OPERATION_REQUEST_MESSAGE: ignored("from a linked device to the phone"),
  PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE: ignored("from the phone to its linked devices"),
  LID_MIGRATION_MAPPING_SYNC: ignored("from the phone to its linked devices: phone numbers of LIDs"),
  MEDIA_NOTIFY_MESSAGE: ignored("a hint to fetch a file early; the message with the file follows"),
  REQUEST_WELCOME_MESSAGE: ignored("asks a business for its automatic greeting; the app shows nothing"),
  BOT_FEEDBACK_MESSAGE: ignored("a rating of a bot's answer, for the bot"),
  BOT_MEMU_ONBOARDING_MESSAGE: ignored("a step in the setup of Meta AI; it has no text"),
  REMINDER_MESSAGE: ignored("a reminder of Meta AI to the app; it has no text"),
  STOP_GENERATION_MESSAGE: ignored("stops a bot that is writing"),
  AI_PSI_METADATA: ignored("data for Meta AI"),
  AI_QUERY_FANOUT: ignored("a copy of a question to Meta AI for the account's other devices"),
};

/** Returns the notice that a protocol message shows in the chat, or undefined. */
export function parseProtocol(part: Protocol, scope: Scope): Content | undefined {
  // In protobuf, an absent type is the first type, REVOKE.
  const name = Type[part.type ?? Type.REVOKE] as TypeName | undefined;
  const parse = name && protocolTypes[name];
  return typeof parse === "function" ? parse(part, scope) : undefined;
}
