import { proto } from "@whiskeysockets/baileys";
import type { TargetMessage } from "../../../core/message/about.ts";
import { textOf } from "../../../core/message/content/index.ts";
import { contextForEvent, type MessageContext } from "../../../core/message/context.ts";
import type { EditedMessage } from "../../ledger/change.ts";
import { readContent } from "../content/index.ts";
import { openPayload } from "../content/stored.ts";
import { unwrap } from "../content/unwrap.ts";
import { type ContextScope, contextOf } from "../context/index.ts";
import { surveyIn } from "../response/survey.ts";
import type { Address, LidsOf, MessageOrigin, PhoneOf } from "./address.ts";
import { bodyOf, typeOf } from "./content.ts";

type EditScope = Omit<ContextScope, "text">;

const noLids: LidsOf = async () => new Map();

/** Returns what reading an edit needs to know about the session. */
export const editScope = ({ me, lidsOf }: MessageOrigin, { chatId }: Address, phoneOf: PhoneOf): EditScope => ({
  ...{ me, chatId, phoneOf },
  lidsOf: lidsOf ?? noLids,
});

/** Returns a message after an edit. `first` is the message as it is stored. */
export async function editOf(
  edited: proto.IMessage,
  scope: EditScope,
  first?: Pick<TargetMessage, "payload">,
): Promise<EditedMessage> {
  const opened = unwrap(edited);
  const read = readContent(opened);
  const content = read?.content ?? null;
  const body = content ? textOf(content) : bodyOf(edited);
  const survey = surveyIn(opened.content);
  const context = { ...(await editedContext(edited, opened.flags, { ...scope, text: body })), ...survey };
  const message = {
    body,
    content,
    type: read ? typeOf(read.protoType, content) : null,
    protoType: read?.protoType ?? null,
    context,
    payload: null,
  };
  if (Object.keys(survey).length === 0) return message;
  // The secret of the first message stays valid.
  const info = first?.payload ? openPayload(first.payload).info : undefined;
  const whole = { ...opened.content, messageContextInfo: { ...info, ...opened.info } };
  return { ...message, payload: Buffer.from(proto.Message.encode(proto.Message.fromObject(whole)).finish()) };
}

/** Returns the context of an edit. Its flag `edited` would say that the message was edited before it arrived. */
async function editedContext(...given: Parameters<typeof contextOf>): Promise<MessageContext> {
  const { edited: _, ...context } = (await contextOf(...given)) ?? {};
  return context;
}

/** Returns the fields of `message.edited` for an edit of a message that the history lacks. */
export function editFields({ body, content, context }: EditedMessage) {
  const { mentions, context: shown } = contextForEvent(context);
  return { body, content, mentions, context: shown };
}

/** The fields of `message.edited` for an edit that can't be read. */
export const unreadableEdit = editFields({
  body: "",
  content: null,
  type: null,
  protoType: null,
  context: {},
  payload: null,
});
