import { type Content, textOf } from "./index.ts";

type Captioned = Extract<Content, { kind: "image" | "video" | "document" }>;

const captionedKinds: readonly string[] = ["image", "video", "document"] satisfies Captioned["kind"][];

/** Whether the content is a file with a caption. */
const isCaptioned = (content: Content): content is Captioned => captionedKinds.includes(content.kind);

/**
 * Returns the content of a message after an edit. An edit has the whole content, except that an edit of a file may have
 * only the caption, and an edit of a text may lack the link preview. Null if the result is not known. `type` is that of
 * the message.
 */
export function withEdit(original: Content | null, edited: Content | null, type: string): Content | null {
  if (!edited) return original;
  // An older version stored the message. The facts about its file are only in the protobuf.
  if (!original) return captionedKinds.includes(type) ? null : edited;
  if (isCaptioned(original) && edited.kind === "text") return { ...original, caption: edited.text || null };
  if (original.kind !== edited.kind) return edited;
  if (isCaptioned(edited)) return withKnownFacts(original, edited);
  return original.kind === "text" && edited.kind === "text" ? withKnownPreview(original, edited) : edited;
}

/** Returns the content of an edited message of which only the new text is known. Null if it is not the original one. */
export function withEditedText(original: Content, text: string): Content | null {
  if (isCaptioned(original)) return { ...original, caption: text || null };
  if (original.kind === "text") return withKnownPreview(original, { kind: "text", text, linkPreview: null });
  return textOf(original) === text ? original : null;
}

type Text = Extract<Content, { kind: "text" }>;

function withKnownPreview({ linkPreview }: Text, edited: Text): Text {
  const isShown = linkPreview && edited.text.includes(linkPreview.url);
  return { ...edited, linkPreview: edited.linkPreview ?? (isShown ? linkPreview : null) };
}

/** Returns `edited` with the facts that it doesn't state. A caption is stated even if it is empty. */
function withKnownFacts(original: Content, edited: Captioned): Content {
  const stated = Object.entries(edited).filter(([, value]) => value !== null && value !== false);
  return { ...original, ...Object.fromEntries(stated), caption: edited.caption } as Content;
}
