import type { BinaryNode, proto } from "@whiskeysockets/baileys";
import type { SendName } from "../../../core/command/catalog/index.ts";
import { type Content, contentVersion } from "../../../core/message/content/index.ts";
import { defined } from "../../../core/object.ts";
import { readContent } from "../../inbound/content/index.ts";
import { openPayload } from "../../inbound/content/stored.ts";
import type { Claimed, OrderedCommand } from "../claim/claimed-command.ts";

/** Returns WhatsApp's id and the chat of the message of a send. */
export const messageOf = ({ waId, chatId }: Claimed<SendName>) => ({ waId: waId ?? "", chatId: chatId ?? "" });

/** Returns the output of a send that WhatsApp has acknowledged. */
export const outputOf = ({ audience }: OrderedCommand, messageId: string) => ({
  messageId,
  ...defined({ skipped: audience?.skipped }),
});

/** Returns the nodes of a message that tell WhatsApp the kind of a message whose content it cannot read. */
export function metaOf(message: proto.IMessage): BinaryNode[] {
  const flow = message.interactiveMessage?.nativeFlowMessage?.buttons?.[0]?.name;
  // Source: whatsapp-rust, src/send.rs, `infer_biz_node`.
  if (flow) {
    const nativeFlow = { tag: "native_flow", attrs: { name: flow } };
    const interactive = { tag: "interactive", attrs: { type: "native_flow", v: "1" }, content: [nativeFlow] };
    return [{ tag: "biz", attrs: {}, content: [interactive] }];
  }
  const { pollCreationMessage, pollCreationMessageV2, pollCreationMessageV3, eventMessage } = message;
  if (eventMessage) return [{ tag: "meta", attrs: { event_type: "creation" } }];
  // Sources: whatsmeow, send.go, `getMessageContent`; whatsapp-rust, src/send.rs, `infer_stanza_metadata`.
  if (message.pollUpdateMessage) return [{ tag: "meta", attrs: { polltype: "vote" } }];
  if (message.encEventResponseMessage) return [{ tag: "meta", attrs: { event_type: "response" } }];
  const isPoll = pollCreationMessage ?? pollCreationMessageV2 ?? pollCreationMessageV3;
  return isPoll ? [{ tag: "meta", attrs: { polltype: "creation" } }] : [];
}

/** Returns the content of a message that is about to be sent, as a recipient reads it. */
export function contentColumns(payload: Buffer): { content: Content | null; contentVersion: number } {
  return { content: readContent(openPayload(payload))?.content ?? null, contentVersion };
}
