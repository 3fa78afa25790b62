import * as z from "zod";
import { type CommandName, commandCatalog } from "../../../../core/command/catalog/index.ts";
import { type MediaPlace, mediaPlace } from "../../../../core/media/inline.ts";
import { commandEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { checkPlace } from "../../operations/media.ts";
import { refuseButtons, refuseList } from "../../operations/message.ts";
import { envelope, enveloped } from "./envelope.ts";

export const instanceId = z.string().min(1).max(128);
const { to, text, quoted, mentions } = commandCatalog["message.sendText"].input.shape;
const media = commandCatalog["message.sendMedia"].input.shape;
const { caption, filename } = media;
const place = commandCatalog["message.sendLocation"].input.shape;
const { contacts } = commandCatalog["message.sendContact"].input.shape;
const { question, options, selectableCount } = commandCatalog["message.sendPoll"].input.shape;
const link = commandCatalog["message.sendLink"].input.shape;
const { messageId, chat } = commandCatalog["message.forward"].input.shape;

/** Fields of every send. */
const common = { instanceId, to, quotedMessageId: quoted, mentions };

const sent = envelope(
  z.object({
    /** The WhatsApp message id, which webhooks and the history also have. */
    messageId: z.string(),
    instanceId: z.string(),
    /** The JID of the recipient. */
    to: z.string(),
  }),
);

const addressed = (body: { to: string; quotedMessageId?: string | undefined; mentions?: string[] | undefined }) => ({
  to: body.to,
  quoted: body.quotedMessageId,
  mentions: body.mentions,
});

const placed = ({ url, upload }: MediaPlace) => ({ url, upload });

const answered = ({ messageId }: { messageId: string }, { body }: { body: { instanceId: string; to: string } }) =>
  enveloped({ messageId, instanceId: body.instanceId, to: body.to }, "Message accepted");

const label = z.string().min(1).max(1024);

const send = <Name extends CommandName>(command: Name) => ({
  method: "post" as const,
  access: "write" as const,
  command,
  answer: sent,
});

export const messageEndpoints = [
  commandEndpoint({
    ...send("message.sendText"),
    path: "/api/message/send/text",
    body: z.object({ ...common, message: text }),
    in: ({ body }) => ({ ...addressed(body), text: body.message }),
    out: answered,
  }),
  commandEndpoint({
    ...send("message.sendMedia"),
    path: "/api/message/send/image",
    summary: "Send an image",
    body: z.object({ ...common, image: mediaPlace, caption }),
    check: (context, _input, { body }) => checkPlace(context, body.image),
    in: ({ body }) => ({ ...addressed(body), ...placed(body.image), kind: "image" as const, caption: body.caption }),
    out: answered,
  }),
  commandEndpoint({
    ...send("message.sendMedia"),
    path: "/api/message/send/file",
    summary: "Send a file as a document",
    body: z.object({ ...common, file: mediaPlace, filename, caption }),
    check: (context, _input, { body }) => checkPlace(context, body.file),
    in: ({ body }) => ({
      ...addressed(body),
      ...placed(body.file),
      kind: "document" as const,
      filename: body.filename,
      caption: body.caption,
    }),
    out: answered,
  }),
  commandEndpoint({
    ...send("message.sendMedia"),
    path: "/api/message/send/voice",
    summary: "Send a voice note",
    description: "Audio other than Ogg/Opus is converted.",
    body: z.object({ ...common, audio: mediaPlace }),
    check: (context, _input, { body }) => checkPlace(context, body.audio),
    in: ({ body }) => ({ ...addressed(body), ...placed(body.audio), kind: "audio" as const, voice: true }),
    out: answered,
  }),
  commandEndpoint({
    ...send("message.sendMedia"),
    path: "/api/message/send/video",
    summary: "Send a video",
    description: "Formats that WhatsApp can't play are converted.",
    body: z.object({ ...common, video: mediaPlace, caption }),
    check: (context, _input, { body }) => checkPlace(context, body.video),
    in: ({ body }) => ({ ...addressed(body), ...placed(body.video), kind: "video" as const, caption: body.caption }),
    out: answered,
  }),
  commandEndpoint({
    ...send("message.sendLocation"),
    path: "/api/message/send/location",
    body: z.object({
      ...common,
      latitude: place.latitude,
      longitude: place.longitude,
      name: place.name,
      address: place.address,
    }),
    in: ({ body }) => ({
      ...addressed(body),
      latitude: body.latitude,
      longitude: body.longitude,
      name: body.name,
      address: body.address,
    }),
    out: answered,
  }),
  commandEndpoint({
    ...send("message.sendContact"),
    path: "/api/message/send/contact",
    body: z.object({ ...common, contacts }),
    in: ({ body }) => ({ ...addressed(body), contacts: body.contacts }),
    out: answered,
  }),
  commandEndpoint({
    ...send("message.sendPoll"),
    path: "/api/message/send/poll",
    body: z.object({ ...common, question, options, selectableCount }),
    in: ({ body }) => ({
      ...addressed(body),
      question: body.question,
      options: body.options,
      selectableCount: body.selectableCount,
    }),
    out: answered,
  }),
  commandEndpoint({
    ...send("message.sendLink"),
    path: "/api/message/send/link-preview",
    body: z.object({
      ...common,
      url: link.url,
      title: link.title,
      description: link.description,
      image: link.image,
    }),
    in: ({ body }) => ({
      ...addressed(body),
      url: body.url,
      title: body.title,
      description: body.description,
      image: body.image,
    }),
    out: answered,
  }),
  commandEndpoint({
    ...send("message.forward"),
    path: "/api/message/forward",
    body: z.object({ ...common, messageId, chatId: chat }),
    in: ({ body }) => ({ ...addressed(body), messageId: body.messageId, chat: body.chatId }),
    out: answered,
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/message/send/list",
    summary: "Not supported: WhatsApp no longer shows lists from linked devices",
    access: "write",
    body: z.object({
      ...common,
      title: label,
      buttonText: label,
      sections: z
        .array(
          z.object({
            title: label.optional(),
            rows: z.array(z.object({ title: label, description: label.optional(), rowId: label })).min(1),
          }),
        )
        .min(1),
    }),
    answer: sent,
    errors: ["not_supported"],
    in: () => undefined,
    does: refuseList,
    out: answered,
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/message/send/buttons",
    summary: "Not supported: WhatsApp no longer shows buttons from linked devices",
    access: "write",
    body: z.object({
      ...common,
      text,
      buttons: z.array(z.object({ buttonId: label, buttonText: label })).min(1),
    }),
    answer: sent,
    errors: ["not_supported"],
    in: () => undefined,
    does: refuseButtons,
    out: answered,
  }),
];
