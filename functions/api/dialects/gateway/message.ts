import * as z from "zod";
import { type CommandName, commandCatalog } from "../../../../core/command/catalog/index.ts";
import { type MediaPlace, mediaPlace } from "../../../../core/media/inline.ts";
import { type StickerMetadata, stickerMetadata } from "../../../../core/media/sticker.ts";
import { defined } from "../../../../core/object.ts";
import { singleSendOptions } from "../../../../core/restriction/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { storeOrCheckFile } from "../../operations/media.ts";
import { isoDate, sendAt } from "../../shape/common.ts";
import { mediaOptions } from "../../shape/media-options.ts";
import { envelope, enveloped } from "./envelope.ts";

export const instanceId = z.string().min(1).max(128);
const { to, text, quoted, mentions, mentionAll, linkPreview } = commandCatalog["message.sendText"].input.shape;
const media = commandCatalog["message.sendMedia"].input.shape;
const { caption, filename, thumbnail } = media;
const location = commandCatalog["message.sendLocation"].input.shape;
const liveLocation = commandCatalog["message.sendLiveLocation"].input.shape;
const { contacts } = commandCatalog["message.sendContact"].input.shape;
const { question, options, selectableCount } = commandCatalog["message.sendPoll"].input.shape;
const link = commandCatalog["message.sendLink"].input.shape;
const { messageId, chat } = commandCatalog["message.forward"].input.shape;

const { asGif, asRound, viewOnce, hd } = mediaOptions;
const list = commandCatalog["message.sendList"].input.shape;
const { buttons } = commandCatalog["message.sendButtons"].input.shape;

const experimentalNote =
  "Without `experimental`, the request fails with not_supported: not all of WhatsApp's apps show such messages. That WhatsApp accepts and delivers the message doesn't mean that the recipient sees it.";

const asSticker = z
  .boolean()
  .optional()
  .meta({ description: "Send as a sticker, without the fields of /send/sticker. GIFs and videos become animated" });

/** Body fields of every send. */
const common = { instanceId, to, quotedMessageId: quoted, mentions, mentionAll, sendAt, ...singleSendOptions };

const sentResponse = envelope(
  z.object({
    /** The WhatsApp message id, as in webhooks and the history. */
    messageId: z.string(),
    instanceId: z.string(),
    /** The JID of the recipient. */
    to: z.string(),
    /** Only for a scheduled send. */
    scheduledAt: isoDate.optional(),
  }),
);

interface CommonBody {
  to: string;
  quotedMessageId?: string | undefined;
  mentions?: string[] | undefined;
  mentionAll?: boolean | undefined;
}

const commonInput = (body: CommonBody) => ({
  to: body.to,
  quoted: body.quotedMessageId,
  mentions: body.mentions,
  mentionAll: body.mentionAll,
});

const mediaSource = ({ url, upload }: MediaPlace) => ({ url, upload });

const stickerOf = ({ pack, author, emojis }: StickerMetadata): StickerMetadata | undefined =>
  [pack, author, emojis].some((value) => value !== undefined) ? { pack, author, emojis } : undefined;

const toSentResponse = (
  { messageId, scheduledAt }: { messageId: string; scheduledAt?: string },
  { body }: { body: { instanceId: string; to: string } },
) =>
  enveloped({ messageId, instanceId: body.instanceId, to: body.to, ...defined({ scheduledAt }) }, "Message accepted");

const sendDeclaration = <Name extends CommandName>(command: Name) => ({
  method: "post" as const,
  access: "write" as const,
  command,
  response: sentResponse,
});

/** The declaration of a send whose body has `common`. */
const schedulable = <Name extends CommandName>(command: Name) => ({
  ...sendDeclaration(command),
  sendAt: ({ body }: { body: { sendAt?: string | undefined } }) => body.sendAt,
});

export const messageEndpoints = [
  commandEndpoint({
    ...schedulable("message.sendText"),
    path: "/api/message/send/text",
    body: z.object({ ...common, message: text, linkPreview }),
    toInput: ({ body }) => ({ ...commonInput(body), text: body.message, linkPreview: body.linkPreview }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendMedia"),
    path: "/api/message/send/image",
    summary: "Send an image",
    description: "A GIF is sent as a video that plays like a GIF. Other pictures than WebP are converted to a sticker.",
    body: z
      .object({ ...common, image: mediaPlace, caption, asSticker, viewOnce, hd, thumbnail })
      .refine((body) => !body.asSticker || body.caption === undefined, "caption: a sticker cannot have a caption"),
    check: (context, _input, { body }) => storeOrCheckFile(context, body.image),
    toInput: ({ body }) => ({
      ...commonInput(body),
      ...mediaSource(body.image),
      kind: body.asSticker ? ("sticker" as const) : ("image" as const),
      caption: body.caption,
      viewOnce: body.viewOnce,
      hd: body.hd,
      thumbnail: body.thumbnail,
    }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendMedia"),
    path: "/api/message/send/file",
    summary: "Send a file as a document",
    body: z.object({ ...common, file: mediaPlace, filename, caption, thumbnail }),
    check: (context, _input, { body }) => storeOrCheckFile(context, body.file),
    toInput: ({ body }) => ({
      ...commonInput(body),
      ...mediaSource(body.file),
      kind: "document" as const,
      filename: body.filename,
      thumbnail: body.thumbnail,
      caption: body.caption,
    }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendMedia"),
    path: "/api/message/send/voice",
    summary: "Send a voice note",
    description: "Audio other than Ogg/Opus is converted.",
    body: z.object({ ...common, audio: mediaPlace, viewOnce }),
    check: (context, _input, { body }) => storeOrCheckFile(context, body.audio),
    toInput: ({ body }) => ({
      ...commonInput(body),
      ...mediaSource(body.audio),
      kind: "audio" as const,
      voice: true,
      viewOnce: body.viewOnce,
    }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendMedia"),
    path: "/api/message/send/video",
    summary: "Send a video",
    description: "Formats that WhatsApp can't play are converted. GIF files always play like a GIF.",
    body: z
      .object({ ...common, video: mediaPlace, caption, asGif, asRound, asSticker, viewOnce, hd, thumbnail })
      .refine(
        (body) => [body.asGif, body.asRound, body.asSticker].filter(Boolean).length < 2,
        "asGif, asRound, asSticker: give at most one",
      )
      .refine((body) => !body.asSticker || body.caption === undefined, "caption: a sticker cannot have a caption"),
    check: (context, _input, { body }) => storeOrCheckFile(context, body.video),
    toInput: ({ body }) => ({
      ...commonInput(body),
      ...mediaSource(body.video),
      kind: body.asSticker ? ("sticker" as const) : ("video" as const),
      caption: body.caption,
      gif: body.asGif,
      round: body.asRound,
      viewOnce: body.viewOnce,
      hd: body.hd,
      thumbnail: body.thumbnail,
    }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendMedia"),
    path: "/api/message/send/sticker",
    summary: "Send a sticker",
    description: `A WebP file that is a sticker (512 by 512 pixels, at most 100,000 bytes, or 500,000 bytes and 10 seconds if it is
animated) is sent unchanged. Pictures, GIFs and videos are converted.`,
    body: z.object({ ...common, sticker: mediaPlace, ...stickerMetadata.shape }),
    check: (context, _input, { body }) => storeOrCheckFile(context, body.sticker),
    toInput: ({ body }) => ({
      ...commonInput(body),
      ...mediaSource(body.sticker),
      kind: "sticker" as const,
      sticker: stickerOf(body),
    }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendLocation"),
    path: "/api/message/send/location",
    body: z.object({
      ...common,
      latitude: location.latitude,
      longitude: location.longitude,
      name: location.name,
      address: location.address,
    }),
    toInput: ({ body }) => ({
      ...commonInput(body),
      latitude: body.latitude,
      longitude: body.longitude,
      name: body.name,
      address: body.address,
    }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...sendDeclaration("message.sendLiveLocation"),
    path: "/api/message/send/live-location",
    description:
      "Linked devices can't start, update or stop a live location. `POST /api/message/send/location` sends a fixed one.",
    body: z.object({ instanceId, ...liveLocation }),
    toInput: ({ body: { to: recipient, latitude, longitude, duration } }) => ({
      to: recipient,
      latitude,
      longitude,
      duration,
    }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendContact"),
    path: "/api/message/send/contact",
    body: z.object({ ...common, contacts }),
    toInput: ({ body }) => ({ ...commonInput(body), contacts: body.contacts }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendPoll"),
    path: "/api/message/send/poll",
    body: z.object({ ...common, question, options, selectableCount }),
    toInput: ({ body }) => ({
      ...commonInput(body),
      question: body.question,
      options: body.options,
      selectableCount: body.selectableCount,
    }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendLink"),
    path: "/api/message/send/link-preview",
    body: z.object({
      ...common,
      url: link.url,
      title: link.title,
      description: link.description,
      image: link.image,
    }),
    toInput: ({ body }) => ({
      ...commonInput(body),
      url: body.url,
      title: body.title,
      description: body.description,
      image: body.image,
    }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.forward"),
    path: "/api/message/forward",
    body: z.object({ ...common, messageId, chatId: chat }),
    toInput: ({ body }) => ({ ...commonInput(body), messageId: body.messageId, chat: body.chatId }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendList"),
    path: "/api/message/send/list",
    description: experimentalNote,
    body: z.object({
      ...common,
      title: list.title,
      buttonText: list.buttonText,
      sections: list.sections,
      experimental: list.experimental,
    }),
    toInput: ({ body }) => ({
      ...commonInput(body),
      title: body.title,
      buttonText: body.buttonText,
      sections: body.sections,
      experimental: body.experimental,
    }),
    toResponse: toSentResponse,
  }),
  commandEndpoint({
    ...schedulable("message.sendButtons"),
    path: "/api/message/send/buttons",
    description: experimentalNote,
    body: z.object({ ...common, text, buttons, experimental: list.experimental }),
    toInput: ({ body }) => ({
      ...commonInput(body),
      text: body.text,
      buttons: body.buttons,
      experimental: body.experimental,
    }),
    toResponse: toSentResponse,
  }),
];
