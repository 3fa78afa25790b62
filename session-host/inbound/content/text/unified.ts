import { readJson } from "../../../../core/json.ts";
import type { BotPart } from "../../../../core/message/content/text/bot.ts";
import { listField, textField } from "../reader.ts";

/** A part of a bot's answer before its texts are bounded. */
export interface RawPart {
  type: BotPart["type"];
  text: string;
  urls: (string | null | undefined)[];
}

/** WhatsApp refuses larger messages. */
const maxBytes = 262_144;

/**
 * Returns the parts of a unified response, the newer form of a bot's answer: JSON with sections, each of which has
 * primitives such as `GenAIMarkdownTextUXPrimitive`. Source: WhatsApp Web, module `WAWebBotUnifiedResponseGating`.
 */
export function unifiedParts(data: Uint8Array | null | undefined): RawPart[] {
  if (!data?.length || data.length > maxBytes) return [];
  const { value, error } = readJson(Buffer.from(data).toString(), "response");
  if (error || !isObject(value)) return [];
  return listField(value, "sections").flatMap(({ view_model: model }) =>
    isObject(model)
      ? [...(isObject(model.primitive) ? [model.primitive] : []), ...listField(model, "primitives")].map(partOf)
      : [],
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function partOf(primitive: Record<string, unknown>): RawPart {
  const name = textField(primitive, "__typename");
  const urls = ["media", "full_image", "preview_image"].flatMap((field) => {
    const media = primitive[field];
    return isObject(media) ? [textField(media, "url")] : [];
  });
  const text = textField(primitive, "text", "caption", "title");
  if (/Code/.test(name)) {
    const blocks = listField(primitive, "code_blocks").map((block) => textField(block, "content"));
    return { type: "code", text: blocks.join(""), urls };
  }
  if (/Tab?le?UX/.test(name)) return { type: "table", text: tableText(primitive), urls };
  if (/Image|Imagine/.test(name)) return { type: "image", text, urls: urls.slice(0, 1) };
  return { type: text ? "text" : "other", text, urls };
}

/** The cells of a row are texts (`items`) or objects with a text (`cells`). */
function tableText(primitive: Record<string, unknown>): string {
  const rows = listField(primitive, "rows").map((row) => {
    const items = Array.isArray(row.items) ? row.items.filter((item) => typeof item === "string") : [];
    return [...items, ...listField(row, "cells").map((cell) => textField(cell, "text"))].join("\t");
  });
  return [textField(primitive, "title"), ...rows].filter(Boolean).join("\n");
}
