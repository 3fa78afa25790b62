import * as z from "zod";
import { audio } from "./audio.ts";
import { calendarEvent } from "./calendar-event.ts";
import { contacts } from "./contacts.ts";
import type { ContentDefinition } from "./define.ts";
import { document } from "./document.ts";
import { image } from "./image.ts";
import { liveLocation } from "./live-location.ts";
import { location } from "./location.ts";
import { poll } from "./poll.ts";
import { sticker } from "./sticker.ts";
import { text } from "./text.ts";
import { unknown } from "./unknown.ts";
import { video } from "./video.ts";

/**
 * The version of the parsers. Increase it when a parser reads more from the same protobuf, so that `npm run reparse`
 * reads the stored messages again.
 */
export const contentVersion = 1;

/** Every kind of content, by its name. */
export const contentKinds = {
  audio,
  contacts,
  document,
  event: calendarEvent,
  image,
  liveLocation,
  location,
  poll,
  sticker,
  text,
  unknown,
  video,
} as const;

/** What a message says: one variant for each kind. Documents have its schema once, under this id. */
export const messageContent = z
  .discriminatedUnion("kind", [
    audio.schema,
    calendarEvent.schema,
    contacts.schema,
    document.schema,
    image.schema,
    liveLocation.schema,
    location.schema,
    poll.schema,
    sticker.schema,
    text.schema,
    unknown.schema,
    video.schema,
  ])
  .meta({ id: "MessageContent" });
export type Content = z.output<typeof messageContent>;
export type ContentKind = Content["kind"];

/** The field `content` of events, webhook bodies and histories. Null for messages of older versions. */
export const contentField = messageContent.nullable();

/** Returns the line of text for `body`. */
export function textOf(content: Content): string {
  return definitionOf(content).text(content);
}

/** Returns the fields that a client of Baileys looks for in the protobuf of this content. Leaves missing values out. */
export function protobufOf(content: Content): Record<string, unknown> {
  const fields = definitionOf(content).protobuf?.(content) ?? {};
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}

/** Returns the content of a message whose text or caption was edited. Other content can't be edited. */
export function withEditedText(content: Content, text: string): Content {
  switch (content.kind) {
    case "text": {
      const { linkPreview } = content;
      return { ...content, text, linkPreview: linkPreview && text.includes(linkPreview.url) ? linkPreview : null };
    }
    case "image":
    case "video":
    case "document":
      return { ...content, caption: text || null };
    default:
      return content;
  }
}

const definitionOf = (content: Content): ContentDefinition =>
  (contentKinds as Record<ContentKind, ContentDefinition>)[content.kind];
