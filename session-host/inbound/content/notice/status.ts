import type { Parse } from "../parse.ts";
import { enumOf, Reader, referenceOf } from "../reader.ts";
import { thumbnailOrNull } from "../values.ts";

/** The values of `StatusNotificationMessage.StatusNotificationType` in WAProto. */
const actions = { 1: "addYours", 2: "reshare", 3: "answerReshare" } as const;

export const parseStatusNotification: Parse<"statusNotificationMessage"> = (part) => ({
  kind: "statusNotification",
  action: enumOf(actions, part.type),
  original: referenceOf(part.originalMessageKey),
  response: referenceOf(part.responseMessageKey),
});

export const parseStatusQuoted: Parse<"statusQuotedMessage"> = ({ text, originalStatusId, thumbnail }, scope) => ({
  kind: "statusQuote",
  text: new Reader(scope).main(text),
  target: referenceOf(originalStatusId),
  thumbnail: thumbnailOrNull(thumbnail),
});

export const parseStatusSticker: Parse<"statusStickerInteractionMessage"> = ({ key, stickerKey }, scope) => ({
  kind: "statusSticker",
  sticker: new Reader(scope).name(stickerKey),
  target: referenceOf(key),
});

export const parseStatusAnswer: Parse<"statusQuestionAnswerMessage"> = ({ key, text }, scope) => ({
  ...{ kind: "answer", in: "status" },
  text: new Reader(scope).main(text),
  target: referenceOf(key),
});

export const parseChannelAnswer: Parse<"questionResponseMessage"> = ({ key, text }, scope) => ({
  ...{ kind: "answer", in: "channel" },
  text: new Reader(scope).main(text),
  target: referenceOf(key),
});
