import { boundCount, boundText, maxBytes, maxInteger } from "../../../core/bound.ts";
import { maxThumbnailBytes } from "../../../core/message/content/field.ts";

/** Bounds the parts of one context, and notes whether one of them was cut or dropped. */
export class Limited {
  truncated = false;

  /** Returns a text that is cut to the limit, or null if it is missing or empty. */
  text(value: string | null | undefined, limit: number = maxBytes.name): string | null {
    if (!value) return null;
    const bounded = boundText(value, limit);
    if (bounded.length < value.length) this.truncated = true;
    return bounded;
  }

  count(value: unknown): number | null {
    return value === null || value === undefined ? null : boundCount(value, maxInteger);
  }

  /** Returns bytes in base64, or null if they are missing or too many: half a picture is of no use. */
  bytes(value: Uint8Array | null | undefined, limit: number = maxThumbnailBytes): string | null {
    if (!value?.length) return null;
    if (value.length <= limit) return Buffer.from(value).toString("base64");
    this.truncated = true;
    return null;
  }

  /** Returns the beginning of a list. */
  list<Item>(items: readonly Item[], limit: number): Item[] {
    if (items.length > limit) this.truncated = true;
    return items.slice(0, limit);
  }
}
