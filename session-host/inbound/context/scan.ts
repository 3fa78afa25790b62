import type { proto } from "@whiskeysockets/baileys";

/** What a message says about its context, wherever it says it. */
export interface ContextScan {
  /** Outer ones first. */
  infos: proto.IContextInfo[];
  /** Whether a part of the content is marked as view-once. */
  viewOnce: boolean;
}

/**
 * Collects the `contextInfo` of a message. Most kinds of content have one. It is in the content, in a wrapper, or in a
 * part of the content such as the header of a template. What the message quotes has a context of its own, which does not
 * count.
 */
export function scanContext(message: proto.IMessage): ContextScan {
  const scan: ContextScan = { infos: [], viewOnce: false };
  let level: object[] = [message];
  while (level.length > 0) {
    const next: object[] = [];
    for (const [field, value] of level.flatMap((part) => Object.entries(part) as [string, unknown][])) {
      if (field === "viewOnce" && value === true) scan.viewOnce = true;
      if (typeof value !== "object" || value === null || value instanceof Uint8Array) continue;
      if (field === "contextInfo") scan.infos.push(value);
      else next.push(value);
    }
    level = next;
  }
  return scan;
}

const thumbnailFields = new Set(["jpegThumbnail", "pngThumbnail", "thumbnail"]);

/** Returns the first small picture in a content, or undefined. */
export function thumbnailIn(content: object): Uint8Array | undefined {
  let level: object[] = [content];
  while (level.length > 0) {
    const fields = level.flatMap((part) => Object.entries(part) as [string, unknown][]);
    for (const [field, value] of fields)
      if (thumbnailFields.has(field) && value instanceof Uint8Array && value.length > 0) return value;
    level = fields.flatMap(([field, value]) =>
      typeof value === "object" && value !== null && !(value instanceof Uint8Array) && field !== "contextInfo"
        ? [value]
        : [],
    );
  }
  return undefined;
}
