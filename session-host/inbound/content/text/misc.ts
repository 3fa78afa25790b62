import { boundCount } from "../../../../core/bound.ts";
import type { Parse } from "../parse.ts";
import { countOf, enumOf, isoOf, Reader } from "../reader.ts";

export const parseAlbum: Parse<"albumMessage"> = ({ expectedImageCount, expectedVideoCount }) => ({
  kind: "album",
  imageCount: boundCount(expectedImageCount ?? 0) ?? 0,
  videoCount: boundCount(expectedVideoCount ?? 0) ?? 0,
});

/**
 * The only type is `MASK_LINKED_DEVICES`, a one-time code that a business hides from linked devices
 * (`convertPlaceholderMessage` in mautrix-whatsapp's `pkg/msgconv/wa-misc.go`).
 */
export const parsePlaceholder: Parse<"placeholderMessage"> = ({ type }) => ({
  kind: "masked",
  reason: (type ?? 0) === 0 ? "oneTimeCode" : "unknown",
});

export const parsePhoneNumberRequest: Parse<"requestPhoneNumberMessage"> = () => ({ kind: "phoneNumberRequest" });

const maxReceivers = 1_024;

/** mautrix-whatsapp reads the same fields in `convertMessageHistoryNotice` of `pkg/msgconv/wa-misc.go`. */
export const parseHistoryNotice: Parse<"messageHistoryNotice" | "messageHistoryBundle"> = (
  { messageHistoryMetadata },
  scope,
) => {
  const { historyReceivers, messageCount, oldestMessageTimestamp } = messageHistoryMetadata ?? {};
  return {
    kind: "sharedHistory",
    receivers: new Reader(scope).jids(historyReceivers, maxReceivers),
    messageCount: countOf(messageCount),
    oldestAt: isoOf(oldestMessageTimestamp),
  };
};

const maxPollOptions = 32;

export const parsePollResult: Parse<"pollResultSnapshotMessage" | "pollResultSnapshotMessageV3"> = (part, scope) => {
  const read = new Reader(scope);
  return {
    kind: "pollResult",
    question: read.main(part.name),
    isQuiz: part.pollType === 1,
    options: read.list(part.pollVotes, maxPollOptions).map(({ optionName, optionVoteCount }) => ({
      name: read.name(optionName),
      votes: boundCount(optionVoteCount ?? 0) ?? 0,
    })),
  };
};

const maxStickers = 60;
const maxEmojis = 10;
/** The values of `StickerPackMessage.StickerPackOrigin` in WAProto. */
const origins = { 0: "whatsapp", 1: "thirdParty", 2: "user" } as const;

export const parseStickerPack: Parse<"stickerPackMessage"> = (part, scope) => {
  const read = new Reader(scope);
  return {
    kind: "stickerPack",
    packId: read.id(part.stickerPackId) ?? "",
    name: read.name(part.name),
    publisher: read.name(part.publisher),
    description: read.orNull(read.detail(part.packDescription)),
    caption: read.main(part.caption),
    origin: enumOf(origins, part.stickerPackOrigin),
    size: countOf(part.stickerPackSize ?? part.fileLength),
    stickers: read.list(part.stickers, maxStickers).map((sticker) => ({
      fileName: read.name(sticker.fileName),
      mimetype: read.orNull(read.name(sticker.mimetype)),
      emojis: read.list(sticker.emojis, maxEmojis).map((emoji) => read.name(emoji)),
      isAnimated: sticker.isAnimated === true,
      isLottie: sticker.isLottie === true,
    })),
  };
};
