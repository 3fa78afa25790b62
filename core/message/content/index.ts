import * as z from "zod";
import { buttons } from "./business/buttons.ts";
import { choice } from "./business/choice.ts";
import { handoff } from "./business/handoff.ts";
import { interactive } from "./business/interactive.ts";
import { list } from "./business/list.ts";
import { order } from "./business/order.ts";
import { invoice, payment, paymentInvite } from "./business/payment.ts";
import { catalog, product } from "./business/product.ts";
import { template } from "./business/template.ts";
import type { ContentDefinition } from "./define.ts";
import { album } from "./file/album.ts";
import { audio } from "./file/audio.ts";
import { document } from "./file/document.ts";
import { image } from "./file/image.ts";
import { sticker } from "./file/sticker.ts";
import { stickerPack } from "./file/sticker-pack.ts";
import { video } from "./file/video.ts";
import { limitSharing, memberLabel } from "./notice/setting.ts";
import { sharedHistory } from "./notice/shared-history.ts";
import { statusMention, statusNotification, statusQuote, statusSticker } from "./notice/status.ts";
import { calendarEvent } from "./occasion/calendar-event.ts";
import { broadcastCall, callLog, scheduledCall } from "./occasion/call.ts";
import { poll } from "./occasion/poll.ts";
import { pollResult } from "./occasion/poll-result.ts";
import { contacts } from "./person/contacts.ts";
import { channelInvite, groupInvite } from "./person/invite.ts";
import { phoneNumberRequest, phoneNumberShared } from "./person/phone-number.ts";
import { liveLocation } from "./place/live-location.ts";
import { location } from "./place/location.ts";
import { answer } from "./text/answer.ts";
import { botResponse } from "./text/bot.ts";
import { comment } from "./text/comment.ts";
import { masked } from "./text/masked.ts";
import { text } from "./text/text.ts";
import { unknown } from "./text/unknown.ts";

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
