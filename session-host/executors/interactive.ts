import { generateWAMessageFromContent, proto } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import { generationOptions, resolveRecipient } from "./message.ts";
import { withMentions } from "./message-content.ts";
import { type ExtrasInput, extrasOf } from "./message-extras.ts";
import type { PreparedMessage, SendContext } from "./types.ts";

type Button = proto.Message.InteractiveMessage.NativeFlowMessage.INativeFlowButton;

export function sendButtons(
  context: SendContext,
  input: CommandInput<"message.sendButtons">,
): Promise<PreparedMessage> {
  const buttons = input.buttons.map(({ buttonId: id, buttonText: display_text }) => ({
    name: "quick_reply",
    buttonParamsJson: JSON.stringify({ display_text, id }),
  }));
  return interactive(context, input, input.text, buttons);
}

export function sendList(context: SendContext, input: CommandInput<"message.sendList">): Promise<PreparedMessage> {
  const sections = input.sections.map(({ title = "", rows }) => ({
    title,
    rows: rows.map(({ title: rowTitle, description = "", rowId: id }) => ({ title: rowTitle, description, id })),
  }));
  const params = JSON.stringify({ title: input.buttonText, sections });
  return interactive(context, input, input.title, [{ name: "single_select", buttonParamsJson: params }]);
}

/**
 * Prepares a message with buttons of WhatsApp's "native flow". Baileys has no content for it. Source of the form:
 * https://github.com/itsliaaa/baileys/issues/13.
 */
async function interactive(
  context: SendContext,
  input: { to: string } & ExtrasInput,
  text: string,
  buttons: Button[],
): Promise<PreparedMessage> {
  const jid = await resolveRecipient(context.sock, input.to);
  const extras = await extrasOf(context, jid, { ...input, text });
  const content = { interactiveMessage: { body: { text }, nativeFlowMessage: { buttons, messageVersion: 1 } } };
  const options = { ...generationOptions(context), ...extras.options };
  const generated = generateWAMessageFromContent(jid, proto.Message.fromObject(content), options).message ?? {};
  const message = withMentions(generated, extras);
  return { jid, message, type: "interactive", protoType: "interactiveMessage", media: null, context: extras.context };
}
