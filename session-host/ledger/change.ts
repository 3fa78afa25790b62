import { BufferJSON } from "@whiskeysockets/baileys";
import type { ChannelFact } from "../../core/channel/fact.ts";
import type { ChatFact, ReadReport, Unarchival } from "../../core/chat/fact.ts";
import type { CommandEnd } from "../../core/command/end.ts";
import type { ContactFact } from "../../core/contact/merge.ts";
import type { Person } from "../../core/event/catalog/group.ts";
import type { EventData, NewEvent } from "../../core/event/catalog/index.ts";
import type { HistoryCursor, HistoryPhase } from "../../core/history/history.sql.ts";
import type { CallAnswer } from "../../core/instance/incoming.ts";
import type { InstanceStatus } from "../../core/instance/instance.sql.ts";
import type { LabelFact } from "../../core/label/fact.ts";
import type { MarkKind, NoteEnvelope } from "../../core/message/about.sql.ts";
import type { Content } from "../../core/message/content/index.ts";
import type { MessageContext } from "../../core/message/context.ts";
import type { MessageMedia, MessageStatus } from "../../core/message/message.sql.ts";
import type { UnreadableReason } from "../../core/message/unreadable.sql.ts";
import type { Restrictions } from "../../core/restriction/index.ts";

/** A write to the Signal key store, or of the credentials (type `creds`). The value null removes the key. */
export interface KeyWrite {
  type: string;
  id: string;
  value: unknown;
}

/** A row of `messages`. The fields are its columns, except the event, which is appended if the row is new. */
export interface NewMessage {
  id: string;
  wa_id: string;
  chat_id: string;
  from_me: boolean;
  sender_id: string;
  sender_lid: string | null;
  push_name: string | null;
  type: string;
  proto_type: string;
  body: string;
  content: Content | null;
  content_version: number;
  media: MessageMedia | null;
  context: MessageContext | null;
  status: MessageStatus;
  /** The encoded `proto.Message` in Base64. Null if it is too large to be stored. */
  payload: string | null;
  sent_at: string;
  event: NewEvent | null;
  /** Only for messages from the history: they are stored without an event. See `messages.imported`. */
  imported?: true;
  /** When a received message from the history was read. */
  read_at?: string | null;
  /** Whether the gateway marks the message as read on its own. */
  autoRead?: true;
  /** Whether a received message counts as unread. */
  unread: boolean;
  /** Whether the history may have stored the message already. It is then announced all the same. */
  mayBeImported?: true;
}

/** A message whose content can't be read. */
export interface UnreadableMessage {
  waId: string;
  /** JID of the sender as in the stanza, without the device, and the sender's other JID if the stanza has it. */
  sender: string;
  senderAlt: string | null;
  /** The attributes of the stanza. */
  attrs: Record<string, string>;
  reason: UnreadableReason;
  /** Whether WhatsApp's apps show nothing for the message. */
  hidden: boolean;
  /** The row in `messages` with its event. Null if the message is not announced, or not yet. */
  message: (Omit<NewMessage, "event"> & { event: NewEvent & { id: string } }) | null;
  /** When the message is announced, if it is not yet, and the phone is asked. Null if the phone is not asked. */
  dueAt: Date | null;
  /** Whether the message was stored before without `message`. It is announced only if it is still unreadable. */
  pending: boolean;
}

/** A message whose content is known now. */
export interface ReadableMessage {
  waId: string;
  /** JIDs of the sender. */
  senders: readonly string[];
}

/** Columns of `instances` that the session host writes. */
export interface InstanceFields {
  status?: InstanceStatus;
  status_reason?: string | null;
  status_details?: string | null;
  status_until?: Date | null;
  status_at?: Date;
  desired?: "running" | "stopped";
  connected_at?: Date | null;
  linked_at?: Date | null;
  phone_number?: string | null;
  lid?: string | null;
  device?: string;
  push_name?: string | null;
  business?: boolean;
  qr?: Buffer | null;
  qr_expires_at?: Date | null;
  pairing_code?: Buffer | null;
  pairing_code_expires_at?: Date | null;
  pairing_codes_blocked_until?: Date | null;
  passkey?: Buffer | null;
  history_completed_at?: Date | null;
  sends_paused_at?: Date | null;
  sends_resumed_at?: Date;
  restrictions?: Restrictions | null;
  new_contacts?: { day: string; count: number };
}

/** Removes the QR code, the pairing code and the request for a passkey. */
export const noLinkCodes: InstanceFields = {
  qr: null,
  qr_expires_at: null,
  pairing_code: null,
  pairing_code_expires_at: null,
  passkey: null,
};

export interface MessageFields {
  status?: MessageStatus;
  error?: string | null;
  media?: MessageMedia;
}

/** A message after an edit. `content` is the whole content, or the caption of a file without the facts about the file. */
export interface EditedMessage {
  body: string;
  content: Content | null;
  /** The type of a message with this content, and the field of `proto.Message` that has the content. */
  type: string | null;
  protoType: string | null;
  /** What the edit says about the context, and the details of a poll or calendar event. */
  context: MessageContext;
  /** For a poll or calendar event, which is replaced: the encoded `proto.Message` with the secret of the first one. */
  payload: Buffer | null;
}

/**
 * An edit or a deletion of a message. Applies only to a message that `author` wrote in one of these chats. `byArrival`:
 * the clock of the editor is wrong, so `at` is whole seconds, and edits of the same second are ordered by arrival.
 */
export type Revision = ({ kind: "delete" } | { kind: "edit"; edited: EditedMessage; byArrival?: boolean }) & {
  waId: string;
  /** All JIDs of the chat. */
  chatIds: readonly string[];
  /** The account, or the person with these JIDs. */
  author: "me" | readonly string[];
  /** JID of the person who edited or deleted it, the person's LID, and the name that the person chose. */
  by: string;
  byLid: string | null;
  pushName: string | null;
  /** Whether that person is the account. */
  fromMe: boolean;
  at: Date;
  /** Whether the new text was too long, so that only its beginning is stored. */
  truncated?: boolean;
};

/** The author of a message, in the form of events. */
export type MessageAuthor = NonNullable<EventData<"message.reaction">["author"]>;

/** Somebody does something to another message. */
export interface AboutMessage {
  /** WhatsApp's id of that message, and all JIDs of its chat. */
  waId: string;
  chatIds: readonly string[];
  /** JID of the person who does it, the person's LID, and the name that the person chose. */
  by: string;
  byLid: string | null;
  pushName: string | null;
  /** Whether that person is the account. */
  fromMe: boolean;
  at: Date;
  /** The author of the message according to that person. Used if the history lacks the message. */
  author: MessageAuthor | null;
}

/** A reaction. An empty emoji removes the person's reaction. */
export type NewReaction = AboutMessage & {
  emoji: string;
  /** WhatsApp's id of the reaction. */
  reactionId: string;
  /** Set for a reaction from the history, which is stored without an event. */
  imported?: true;
};

/** A pin or keep of a message, or its removal. */
export type NewMark = AboutMessage & {
  kind: MarkKind;
  active: boolean;
  /** For a pin: how long the message stays pinned, in seconds. */
  duration: number | null;
};

/** A message about a message that the history lacks. The fields are the columns of `waiting_notes`. */
export interface WaitingNote {
  targetId: string;
  noteId: string;
  senderId: string;
  envelope: NoteEnvelope;
  payload: Buffer;
}

/**
 * A person's answer to a poll or a calendar event. The event is appended if the answer is newer than the person's last
 * answer.
 */
export interface NewResponse {
  waId: string;
  chatId: string;
  /** JID of the person. Empty for the account itself. */
  senderId: string;
  choices: string[];
  guests: number;
  at: Date;
  event: NewEvent;
}

/** Who gets a message. */
export interface RecipientList {
  /**
   * The JIDs to which the message is encrypted: the people, by each JID that is known, and their devices. The JID of a
   * person is also the JID of the person's phone. Empty for a channel, whose posts are not encrypted.
   */
  jids: string[];
  /**
   * For a group: the members except the account itself. Each is one text, `<jid>` or `<jid> <lid>`, where `<jid>` is the
   * phone number if WhatsApp reports it. Empty for other chats.
   */
  people: string[];
}

/** The content of a message that is about to be sent. */
export interface PreparedMessage {
  waId: string;
  payload: Buffer;
  chatId: string;
  type: string;
  protoType: string;
  content: Content | null;
  contentVersion: number;
  context: MessageContext | null;
  recipients: RecipientList;
}

/**
 * Where a receipt comes from. It counts only for messages that were sent to this chat and this person, because anybody
 * can send a receipt with any id. The chat and the person may each have a second JID.
 */
export interface ReceiptOrigin {
  chats: readonly string[];
  /** JIDs of the person. */
  people: readonly string[];
}

/** A receipt for messages of the account. */
export interface Receipt extends ReceiptOrigin {
  waIds: string[];
  /** `played`: the person listened to a voice note. */
  status: "delivered" | "read" | "played";
  /** JID of the person who received, read or played the messages, as in the stanza. */
  by: string;
  /** Unix seconds. */
  timestamp: number;
}

/** A report about the timer for disappearing messages in a chat with one person. */
export interface ChatTimer {
  chatId: string;
  /** 0 means that messages don't disappear. */
  seconds: number;
  /** When the timer was set, in Unix seconds. */
  setAt: number;
  /** Who set the timer. Null if a message only mentions the timer. */
  change: { by: Person | null; fromMe: boolean; source?: "phone" | "api" } | null;
}

/** The kinds of stanzas that WhatsApp keeps until the device acknowledges them. */
export type StanzaKind = "message" | "receipt" | "notification" | "call";

/** A stanza that leads to a change, as the quarantine needs it. */
export interface StanzaSource {
  kind: StanzaKind;
  /** The same each time WhatsApp sends the stanza: a hash, hexadecimal. */
  key: string;
  /** WhatsApp's id of the stanza, and the JID that it came from. Both are bounded. */
  id: string;
  from: string;
  /** Unix seconds. */
  timestamp: number;
  /** The stanza in the encoding of `serializeKey`. */
  bytes: Buffer;
  /** For a message that was decrypted. */
  plaintext?: Uint8Array;
}

export type QuarantinedStanza = StanzaSource & { error: string };

/** A part of the history that the phone offers. */
export interface NewHistoryPart {
  waId: string;
  phase: HistoryPhase;
  chunk: number | null;
  percent: number | null;
  withMessages: boolean;
  /** The encoded `HistorySyncNotification`. */
  notification: Uint8Array;
}

/** A step of the import of a part. The number of messages is added to that of the part. */
export interface HistoryStep {
  waId: string;
  cursor?: HistoryCursor;
  messages?: number;
  /** A failed attempt, after which the part waits for the next one. */
  failedAttempt?: string;
  /** Ends the import. The error says why the part could not be imported. */
  end?: { error: string | null };
}

/** Everything that one step of a session changes. The ledger commits it in one transaction, entirely or not at all. */
export interface Change {
  keys?: KeyWrite[];
  /** Plaintexts of received messages, kept because Signal does not decrypt a message twice. */
  inbox?: { waId: string; hash: Buffer; plaintext: Uint8Array }[];
  unreadable?: UnreadableMessage[];
  /** Messages whose content is in this change or in an earlier one. They are no longer unreadable. */
  readable?: ReadableMessage[];
  messages?: NewMessage[];
  /** How often the phone was asked for the content of an unreadable message, and when it is asked again. */
  phoneRequests?: { waId: string; sender: string; requests?: number; dueAt: Date | null }[];
  /** Parts of the history, to import after this change. */
  historyParts?: NewHistoryPart[];
  historySteps?: HistoryStep[];
  /** Messages of the account that WhatsApp has acknowledged, or that a receipt shows to be acknowledged. */
  acks?: { waId: string; receipt?: ReceiptOrigin }[];
  /** Receipts for messages and status posts of the account. */
  progress?: Receipt[];
  revisions?: Revision[];
  reactions?: NewReaction[];
  marks?: NewMark[];
  /** Notes about messages that the history lacks. */
  waiting?: WaitingNote[];
  /** Notes that no longer wait, because their message has arrived. */
  arrived?: Pick<WaitingNote, "targetId" | "noteId" | "senderId">[];
  responses?: NewResponse[];
  timers?: ChatTimer[];
  callAnswers?: CallAnswer[];
  /** The timers of groups, in seconds. `group.update` announces their changes. */
  groupTimers?: { chatId: string; seconds: number }[];
  /** Facts about the state of chats, oldest first. */
  chats?: ChatFact[];
  /** Row ids of received messages that the API or the session marks as read. */
  readMarks?: string[];
  /** Reports that the owner has read messages on another device. */
  readReports?: ReadReport[];
  /** Messages that take their chats out of the archive. */
  unarchivals?: Unarchival[];
  prepared?: PreparedMessage[];
  /** Who gets a stored message, if that is not in `prepared`. */
  recipients?: ({ waId: string } & RecipientList)[];
  /**
   * Updates of messages. A message is selected by row id. A message of the account may also be selected by WhatsApp's
   * id, which is unique because the gateway chose it.
   */
  messageUpdates?: (({ id: string } | { waId: string }) & { set: MessageFields })[];
  commands?: CommandEnd[];
  /** Facts about people and groups, oldest first. */
  contacts?: ContactFact[];
  /** All groups that the account is in. Any other group is removed from the contacts. */
  groups?: string[];
  /** Phone numbers (as JIDs), and whether they are on WhatsApp. */
  numbers?: { jid: string; exists: boolean }[];
  /** Facts about labels, and about the chats and messages that have them, oldest first. */
  labels?: LabelFact[];
  channels?: ChannelFact[];
  /** Removes contacts, labels, channels and parts of the history, because another account may be linked now. */
  forgetContacts?: boolean;
  instance?: InstanceFields;
  /**
   * Events to append. An event that may be reported twice needs a fixed id (`derivedEventId`), so that it is appended
   * only once.
   */
  events?: (NewEvent & { id?: string })[];
  activities?: { action: string; details: Record<string, unknown> }[];
  /** Stanzas that can't be stored otherwise. */
  quarantine?: QuarantinedStanza[];
  /** Describes the stanza that leads to the change. If the change is refused too often, the stanza is quarantined. */
  stanza?: () => StanzaSource;
  /** Removes the session that the API accepted at this time, or any. */
  removeImport?: Date | "any";
  /** Removes credentials, Signal keys, inbox and, without `removeImport`, any session that the API accepted. */
  forgetSession?: boolean;
  /** Id of the command or the stanza that caused the change. The events of the change have this id too. */
  correlationId?: string | undefined;
}

/** A value of the Signal key store that is already in the encoding of `serializeKey`. */
export class SerializedKey {
  readonly json: string;
  constructor(json: string) {
    this.json = json;
  }
}

/** Encodes a value of the Signal key store. `parseKey` decodes it. */
export function serializeKey(value: unknown): Buffer {
  if (value instanceof SerializedKey) return Buffer.from(value.json);
  return Buffer.from(JSON.stringify(value, BufferJSON.replacer));
}

export function parseKey(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString(), BufferJSON.reviver);
}
