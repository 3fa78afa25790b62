import * as z from "zod";
import type { ContentDefinition } from "./define.ts";
import { text } from "./text.ts";
import { unknown } from "./unknown.ts";

/**
 * The version of the parsers. Increase it when a parser reads more from the same protobuf, so that `npm run reparse`
 * reads the stored messages again.
 */
export const contentVersion = 1;

/** Every kind of content, by its name. */
export const contentKinds = {
  text,
  unknown,
} as const;

/** What a message says: one variant for each kind. */
export const messageContent = z.discriminatedUnion("kind", [text.schema, unknown.schema]);
export type Content = z.output<typeof messageContent>;
export type ContentKind = Content["kind"];

/** The field `content` of events, webhook bodies and histories. Null for messages of older versions. */
export const contentField = messageContent.nullable();

/** Returns the line of text for `body`. */
export function textOf(content: Content): string {
  return definitionOf(content).text(content);
}

/** Returns the fields that a client of Baileys looks for in the protobuf of this content. */
export function protobufOf(content: Content): Record<string, unknown> {
  return definitionOf(content).protobuf?.(content) ?? {};
}

const definitionOf = (content: Content): ContentDefinition =>
  (contentKinds as Record<ContentKind, ContentDefinition>)[content.kind];
