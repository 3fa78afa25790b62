import { maxBytes } from "../../../../core/bound.ts";
import type { Parse } from "../parse.ts";
import { textOrNull, thumbnailOrNull } from "../values.ts";

export const parseConversation: Parse<"conversation"> = (text) => ({ kind: "text", text, linkPreview: null });

export const parseExtendedText: Parse<"extendedTextMessage"> = (part, scope) => {
  const url = textOrNull(scope, part.matchedText, maxBytes.path);
  const title = textOrNull(scope, part.title);
  const description = textOrNull(scope, part.description);
  const thumbnail = thumbnailOrNull(part.jpegThumbnail);
  return {
    kind: "text",
    text: part.text ?? "",
    // The apps also set `matchedText` for a link without a preview.
    linkPreview: url && (title || description || thumbnail) ? { url, title, description, thumbnail } : null,
  };
};
