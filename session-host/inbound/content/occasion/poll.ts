import { proto } from "@whiskeysockets/baileys";
import { maxBytes, maxInteger } from "../../../../core/bound.ts";
import type { Content } from "../../../../core/message/content/index.ts";
import { announcedOptions } from "../../../../core/message/context.ts";
import type { Scope } from "../parse.ts";
import { countOrNull, textOrNull } from "../values.ts";

const { PollContentType, PollType } = proto.Message;

export const parsePoll = (part: proto.Message.IPollCreationMessage, scope: Scope): Content => ({
  kind: "poll",
  question: part.name ?? "",
  options: announcedOptions((part.options ?? []).map(({ optionName }) => optionName ?? "")),
  selectableCount: Math.min(countOrNull(part.selectableOptionsCount) ?? 0, maxInteger),
  hasImages: part.pollContentType === PollContentType.IMAGE,
  isQuiz: part.pollType === PollType.QUIZ,
  correctOption: textOrNull(scope, part.correctAnswer?.optionName, maxBytes.option),
});
