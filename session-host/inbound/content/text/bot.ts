import type { proto } from "@whiskeysockets/baileys";
import type { Parse } from "../parse.ts";
import { Reader } from "../reader.ts";
import { type RawPart, unifiedParts } from "./unified.ts";

const maxParts = 100;
const maxUrls = 20;
const maxSources = 50;

/**
 * Reads the parts of an answer by the field that is set. mautrix-whatsapp reads only the paragraphs, in
 * `convertRichResponseMessage` of `pkg/msgconv/wa-misc.go`.
 */
export const parseRichResponse: Parse<"richResponseMessage"> = ({ submessages, unifiedResponse }, scope) => {
  const read = new Reader(scope);
  const plain = (submessages ?? []).map(rawPart);
  const hasContent = plain.some(({ text, urls }) => text || urls.length > 0);
  const raw = read.list(hasContent ? plain : unifiedParts(unifiedResponse?.data), maxParts);
  const text = read.main(raw.flatMap((part) => part.text || []).join("\n\n"));
  const parts = raw.map(({ type, text, urls }) => ({
    type,
    text: read.detail(text),
    urls: read.list(urls, maxUrls).flatMap((url) => read.url(url) ?? []),
  }));
  const found = scope.info.botMetadata?.richResponseSourcesMetadata?.sources ?? [];
  const sources = read.list(found, maxSources).map(({ sourceTitle, sourceProviderUrl }) => ({
    title: read.name(sourceTitle),
    url: read.url(sourceProviderUrl),
  }));
  return { kind: "botResponse", text, parts, sources };
};

const lines = (texts: (string | null | undefined)[]) => texts.filter(Boolean).join("\n");

function rawPart(part: proto.IAIRichResponseSubMessage): RawPart {
  const { messageText, imageMetadata, gridImageMetadata, codeMetadata, tableMetadata } = part;
  if (imageMetadata) {
    const { imageUrl, imageText, tapLinkUrl } = imageMetadata;
    return {
      type: "image",
      text: imageText ?? "",
      urls: [...imageUrls(imageUrl), ...(tapLinkUrl ? [tapLinkUrl] : [])],
    };
  }
  if (gridImageMetadata) {
    const all = gridImageMetadata.imageUrls?.length ? gridImageMetadata.imageUrls : [gridImageMetadata.gridImageUrl];
    return { type: "image", text: messageText ?? "", urls: all.flatMap(imageUrls) };
  }
  if (codeMetadata) {
    const text = (codeMetadata.codeBlocks ?? []).map(({ codeContent }) => codeContent ?? "").join("");
    return { type: "code", text, urls: [] };
  }
  if (tableMetadata) {
    const rows = (tableMetadata.rows ?? []).map(({ items }) => (items ?? []).join("\t"));
    return { type: "table", text: lines([tableMetadata.title, ...rows]), urls: [] };
  }
  return otherPart(part);
}

function otherPart({ messageText, ...part }: proto.IAIRichResponseSubMessage): RawPart {
  const { latexMetadata, mapMetadata, dynamicMetadata, contentItemsMetadata } = part;
  if (latexMetadata) {
    const expressions = latexMetadata.expressions ?? [];
    const text = latexMetadata.text || lines(expressions.map(({ latexExpression }) => latexExpression));
    return { type: "formula", text, urls: expressions.map(({ url }) => url) };
  }
  if (mapMetadata) {
    const places = (mapMetadata.annotations ?? []).map(({ title, body }) => lines([title, body]));
    return { type: "map", text: lines(places), urls: [] };
  }
  if (dynamicMetadata) return { type: "animation", text: messageText ?? "", urls: [dynamicMetadata.url] };
  if (contentItemsMetadata) {
    const reels = (contentItemsMetadata.itemsMetadata ?? []).map(({ reelItem }) => reelItem);
    return { type: "videos", text: lines(reels.map((reel) => reel?.title)), urls: reels.map((reel) => reel?.videoUrl) };
  }
  return { type: messageText ? "text" : "other", text: messageText ?? "", urls: [] };
}

function imageUrls(image: proto.IAIRichResponseImageURL | null | undefined): (string | null | undefined)[] {
  const url = image?.imageHighResUrl || image?.imagePreviewUrl || image?.sourceUrl;
  return url ? [url] : [];
}
