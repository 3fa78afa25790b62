import { proto } from "@whiskeysockets/baileys";
import { maxBytes } from "../../../../core/bound.ts";
import { maxThumbnailBytes } from "../../../../core/message/content/field.ts";
import { maxWaveform } from "../../../../core/message/content/file/audio.ts";
import type { Parse, Scope } from "../parse.ts";
import { base64OrNull, countOrNull, positiveOrNull, textOrNull, thumbnailOrNull } from "../values.ts";

const { PairedMediaType } = proto.ContextInfo;
const { AssociationType } = proto.MessageAssociation;
const hdTypes: readonly unknown[] = [PairedMediaType.HD_IMAGE_CHILD, PairedMediaType.HD_VIDEO_CHILD];
const hdAssociations: readonly unknown[] = [AssociationType.HD_IMAGE_DUAL_UPLOAD, AssociationType.HD_VIDEO_DUAL_UPLOAD];
const { ImageSourceType } = proto.Message.ImageMessage;
const aiSources: readonly unknown[] = [ImageSourceType.AI_GENERATED, ImageSourceType.AI_MODIFIED];

interface FilePart {
  mimetype?: string | null;
  fileLength?: Parameters<typeof countOrNull>[0];
}

const fileOf = ({ mimetype, fileLength }: FilePart, scope: Scope) => ({
  mimetype: textOrNull(scope, mimetype, maxBytes.mimetype),
  size: countOrNull(fileLength),
});

interface VisualPart extends FilePart {
  width?: number | null;
  height?: number | null;
  jpegThumbnail?: Uint8Array | null;
  accessibilityLabel?: string | null;
  contextInfo?: proto.IContextInfo | null;
}

const visualOf = (part: VisualPart, scope: Scope) => {
  const { associationType, parentMessageKey } = scope.info.messageAssociation ?? {};
  const isHd = hdAssociations.includes(associationType);
  return {
    ...fileOf(part, scope),
    width: positiveOrNull(part.width),
    height: positiveOrNull(part.height),
    isHd: isHd || hdTypes.includes(part.contextInfo?.pairedMediaType),
    hdOf: isHd ? parentMessageKey?.id || null : null,
    thumbnail: thumbnailOrNull(part.jpegThumbnail),
    altText: textOrNull(scope, part.accessibilityLabel),
  };
};

/** A caption keeps its full length, as `body` has it. */
const captionOf = ({ caption }: { caption?: string | null }, scope: Scope) => textOrNull(scope, caption, maxBytes.text);

export const parseImage: Parse<"imageMessage"> = (part, scope) => ({
  kind: "image",
  caption: captionOf(part, scope),
  ...visualOf(part, scope),
  isAiGenerated: aiSources.includes(part.imageSourceType),
});

export const parseVideo: Parse<"videoMessage"> = (part, scope) => ({
  kind: "video",
  caption: captionOf(part, scope),
  ...visualOf(part, scope),
  seconds: countOrNull(part.seconds),
  isGif: part.gifPlayback === true,
  isRound: false,
  isAiGenerated: part.videoSourceType === proto.Message.VideoMessage.VideoSourceType.AI_GENERATED,
});

export const parseRoundVideo: Parse<"ptvMessage"> = (part, scope) => {
  const video = parseVideo(part, scope);
  return video.kind === "video" ? { ...video, isRound: true } : video;
};

export const parseAudio: Parse<"audioMessage"> = (part, scope) => ({
  kind: "audio",
  ...fileOf(part, scope),
  seconds: countOrNull(part.seconds),
  isVoiceNote: part.ptt === true,
  waveform: [...(part.waveform?.subarray(0, maxWaveform) ?? [])],
  altText: textOrNull(scope, part.accessibilityLabel),
});

export const parseDocument: Parse<"documentMessage"> = (part, scope) => ({
  kind: "document",
  caption: captionOf(part, scope),
  fileName: textOrNull(scope, part.fileName, maxBytes.name),
  title: textOrNull(scope, part.title, maxBytes.name),
  ...fileOf(part, scope),
  pages: positiveOrNull(part.pageCount),
  thumbnail: thumbnailOrNull(part.jpegThumbnail),
  altText: textOrNull(scope, part.accessibilityLabel),
});

export const parseSticker: Parse<"stickerMessage"> = (part, scope) => ({
  kind: "sticker",
  ...fileOf(part, scope),
  width: positiveOrNull(part.width),
  height: positiveOrNull(part.height),
  isAnimated: part.isAnimated === true,
  isLottie: part.isLottie === true || scope.flags.has("lottie"),
  isAvatar: part.isAvatar === true,
  isAiGenerated: part.isAiSticker === true,
  thumbnail: base64OrNull(part.pngThumbnail, maxThumbnailBytes),
  altText: textOrNull(scope, part.accessibilityLabel),
});
