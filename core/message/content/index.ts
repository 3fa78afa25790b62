import * as z from "zod";
import { album } from "./album.ts";
import { answer } from "./answer.ts";
import { audio } from "./audio.ts";
import { botResponse } from "./bot.ts";
import { buttons } from "./buttons.ts";
import { calendarEvent } from "./calendar-event.ts";
import { broadcastCall, callLog, scheduledCall } from "./call.ts";
import { choice } from "./choice.ts";
import { comment } from "./comment.ts";
import { contacts } from "./contacts.ts";
import type { ContentDefinition } from "./define.ts";
import { document } from "./document.ts";
import { handoff } from "./handoff.ts";
import { image } from "./image.ts";
import { interactive } from "./interactive.ts";
import { channelInvite, groupInvite } from "./invite.ts";
import { list } from "./list.ts";
import { liveLocation } from "./live-location.ts";
import { location } from "./location.ts";
import { masked } from "./masked.ts";
import { order } from "./order.ts";
import { invoice, payment, paymentInvite } from "./payment.ts";
import { phoneNumberRequest, phoneNumberShared } from "./phone-number.ts";
import { poll } from "./poll.ts";
import { pollResult } from "./poll-result.ts";
import { catalog, product } from "./product.ts";
import { limitSharing, memberLabel } from "./setting.ts";
import { sharedHistory } from "./shared-history.ts";
import { statusMention, statusNotification, statusQuote, statusSticker } from "./status.ts";
import { sticker } from "./sticker.ts";
import { stickerPack } from "./sticker-pack.ts";
import { template } from "./template.ts";
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
  album,
  answer,
  audio,
  botResponse,
  broadcastCall,
  buttons,
  callLog,
  catalog,
  channelInvite,
  choice,
  comment,
  contacts,
  document,
  event: calendarEvent,
  groupInvite,
  handoff,
  image,
  interactive,
  invoice,
  limitSharing,
  list,
  liveLocation,
  location,
  masked,
  memberLabel,
  order,
  payment,
  paymentInvite,
  phoneNumberRequest,
  phoneNumberShared,
  poll,
  pollResult,
  product,
  scheduledCall,
  sharedHistory,
  statusMention,
  statusNotification,
  statusQuote,
  statusSticker,
  sticker,
  stickerPack,
  template,
  text,
  unknown,
  video,
} as const;

/** What a message says: one variant for each kind. Documents have its schema once, under this id. */
export const messageContent = z
  .discriminatedUnion("kind", [
    album.schema,
    answer.schema,
    audio.schema,
    botResponse.schema,
    broadcastCall.schema,
    buttons.schema,
    calendarEvent.schema,
    callLog.schema,
    catalog.schema,
    channelInvite.schema,
    choice.schema,
    comment.schema,
    contacts.schema,
    document.schema,
    groupInvite.schema,
    handoff.schema,
    image.schema,
    interactive.schema,
    invoice.schema,
    limitSharing.schema,
    list.schema,
    liveLocation.schema,
    location.schema,
    masked.schema,
    memberLabel.schema,
    order.schema,
    payment.schema,
    paymentInvite.schema,
    phoneNumberRequest.schema,
    phoneNumberShared.schema,
    poll.schema,
    pollResult.schema,
    product.schema,
    scheduledCall.schema,
    sharedHistory.schema,
    statusMention.schema,
    statusNotification.schema,
    statusQuote.schema,
    statusSticker.schema,
    sticker.schema,
    stickerPack.schema,
    template.schema,
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

const definitionOf = (content: Content): ContentDefinition =>
  (contentKinds as Record<ContentKind, ContentDefinition>)[content.kind];
