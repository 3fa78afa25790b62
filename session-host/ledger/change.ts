import { BufferJSON } from "@whiskeysockets/baileys";
import type { ChannelFact } from "../../core/channel/fact.ts";
import type { CommandName } from "../../core/command/catalog/index.ts";
import type { ContactFact } from "../../core/contact/merge.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import type { InstanceStatus } from "../../core/instance/instance.sql.ts";
import type { LabelFact } from "../../core/label/fact.ts";
import type { MessageContext } from "../../core/message/context.ts";
import type { MessageMedia, MessageStatus } from "../../core/message/message.sql.ts";

/** SQS takes 1 MiB for a batch; the longest body must leave room even where JSON escapes each character. */
export const maxEventBody = 65_536;

/** A value of the Signal key store, or the credentials; null removes it. */
export interface KeyWrite {
  type: string;
  id: string;
  value: unknown;
}

/** A row of `messages`, by its columns. The event is appended if the row is new. */
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
  media: MessageMedia | null;
  context: MessageContext | null;
  status: MessageStatus;
  /** Base64. */
  payload: string | null;
  sent_at: string;
  event: NewEvent | null;
}

/** Columns of `instances` that the session host writes. */
export interface InstanceFields {
  status?: InstanceStatus;
  status_reason?: string | null;
  status_at?: Date;
  desired?: "running" | "stopped";
  connected_at?: Date | null;
  linked_at?: Date | null;
  phone_number?: string | null;
  lid?: string | null;
  push_name?: string | null;
  business?: boolean;
  qr?: Buffer | null;
  qr_expires_at?: Date | null;
  pairing_code?: Buffer | null;
  pairing_code_expires_at?: Date | null;
}

export const noQr: InstanceFields = {
  ...{ qr: null, qr_expires_at: null },
  ...{ pairing_code: null, pairing_code_expires_at: null },
};

export interface MessageFields {
  status?: MessageStatus;
  error?: string | null;
  media?: MessageMedia;
}

/** That a message was edited or deleted. Holds for a message only if it was written by `author` in one of these chats. */
export type Revision = ({ kind: "delete" } | { kind: "edit"; body: string }) & {
  waId: string;
  /** JIDs that all stand for the one chat. */
  chatIds: readonly string[];
  /** Us, or a person under each of these JIDs. */
  author: "me" | readonly string[];
  /** JID of who did it, and whether that is us. */
  by: string;
  fromMe: boolean;
  at: Date;
};

/** What somebody answers to a poll or an event, with the event that announces it if it is newer than what they said before. */
export interface NewResponse {
  waId: string;
  chatId: string;
  /** JID; empty for us. */
  senderId: string;
  choices: string[];
  guests: number;
  at: Date;
  event: NewEvent;
}

/** What one step of a session changes. All of it becomes durable in one transaction, or none of it. */
export interface Change {
  keys?: KeyWrite[];
  /** Plaintexts that Signal will not decrypt a second time. */
  inbox?: { waId: string; hash: Buffer; plaintext: Uint8Array }[];
  messages?: NewMessage[];
  /** Messages of ours that WhatsApp has acknowledged. */
  acks?: { waId: string }[];
  /** Receipts for messages of ours. `timestamp` in Unix seconds. */
  progress?: { waIds: string[]; status: "delivered" | "read"; by: string; timestamp: number }[];
  /** The same of status posts of ours, which have many readers. */
  views?: Change["progress"];
  revisions?: Revision[];
  responses?: NewResponse[];
  /** Rows of messages that were received and are now read. */
  readMarks?: string[];
  /** What messages of ours will be, before they are sent. */
  prepared?: {
    waId: string;
    payload: Buffer;
    chatId: string;
    type: string;
    protoType: string;
    context: MessageContext | null;
  }[];
  /** By the row's id; messages of ours also by WhatsApp's, which nobody else chose. */
  messageUpdates?: (({ id: string } | { waId: string }) & { set: MessageFields })[];
  commands?: {
    id: string;
    /** For the log. */
    name?: CommandName;
    status: "done" | "failed";
    output?: unknown;
    /** The output is a credential. */
    secret?: boolean;
    errorCode?: string;
    errorDetails?: string;
  }[];
  /** What was told of people and groups, oldest first. */
  contacts?: ContactFact[];
  /** All groups there are: others are no contacts any more. */
  groups?: string[];
  /** Phone numbers as JIDs, and whether WhatsApp has them. */
  numbers?: { jid: string; exists: boolean }[];
  /** What was told of labels and of what carries them, oldest first. */
  labels?: LabelFact[];
  channels?: ChannelFact[];
  /** Another account may be linked now: whom the last one knew, and how it labeled them, is nobody's business. */
  forgetContacts?: boolean;
  instance?: InstanceFields;
  /** With an id of their own where they may be told twice (`derivedEventId`). */
  events?: (NewEvent & { id?: string })[];
  activities?: { action: string; details: Record<string, unknown> }[];
  /** Removes credentials, Signal keys and inbox: only after a logout that WhatsApp or the user asked for. */
  forgetSession?: boolean;
  /** Of the command that did it, else of the stanza that told it; its events carry it. */
  correlationId?: string | undefined;
}

/** Which row a sealed key belongs to. */
export const keyPlace = (instanceId: string, type: string, id: string) => `session:${instanceId}:${type}:${id}`;

export function serializeKey(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value, BufferJSON.replacer));
}

export function parseKey(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString(), BufferJSON.reviver);
}
