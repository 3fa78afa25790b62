import type { proto } from "@whiskeysockets/baileys";

/** A message as a phone sends it, and what the gateway tells of it. */
export interface ContentCase {
  message: proto.IMessage;
  /** The field of `proto.Message`, if it is not the first one of `message`. */
  protoType?: string;
  /** A part of the content. */
  content: { kind: string } & Record<string, unknown>;
  body: string;
  /** A part of the field of `message` in the Gateway dialect. */
  protobuf?: Record<string, unknown>;
}

/** The key of a message that other messages refer to, and the reference in their content. */
export const key = { remoteJid: "4915550000001@s.whatsapp.net", fromMe: true, id: "3EB0TARGET" };
export const target = { messageId: "3EB0TARGET", chatId: "4915550000001@s.whatsapp.net", senderId: null, fromMe: true };
export const seller = "4915550000009@s.whatsapp.net";
