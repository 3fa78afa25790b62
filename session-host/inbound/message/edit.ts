import { proto } from "@whiskeysockets/baileys";
import type { TargetMessage } from "../../../core/message/about.ts";
import { textOf } from "../../../core/message/content/index.ts";
import type { EditedMessage } from "../../ledger/change.ts";
import { readContent } from "../content/index.ts";
import { openPayload } from "../content/stored.ts";
import { unwrap } from "../content/unwrap.ts";
import { surveyIn } from "../response/survey.ts";
import { bodyOf } from "./content.ts";

/** Returns a message after an edit. `first` is the message as it is stored. */
export function editOf(edited: proto.IMessage, first?: Pick<TargetMessage, "payload">): EditedMessage {
  const opened = unwrap(edited);
  const content = readContent(opened)?.content ?? null;
  const body = content ? textOf(content) : bodyOf(edited);
  const context = surveyIn(opened.content);
  if (Object.keys(context).length === 0) return { body, content, survey: null };
  // The secret of the first message stays valid.
  const info = first?.payload ? openPayload(first.payload).info : undefined;
  const whole = { ...opened.content, messageContextInfo: { ...info, ...opened.info } };
  const payload = Buffer.from(proto.Message.encode(proto.Message.fromObject(whole)).finish());
  return { body, content, survey: { context, payload } };
}
