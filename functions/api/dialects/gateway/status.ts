import * as z from "zod";
import { type CommandName, commandCatalog } from "../../../../core/command/catalog/index.ts";
import { mediaPlace } from "../../../../core/media/inline.ts";
import { statusChat } from "../../../../core/message/status.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { storeOrCheckFile } from "../../operations/media.ts";
import { envelope, enveloped } from "./envelope.ts";

const { text, backgroundColor, font, statusJidList, id } = commandCatalog["status.sendText"].input.shape;
const { caption, gif } = commandCatalog["status.sendMedia"].input.shape;
const { messageId } = commandCatalog["status.delete"].input.shape;

/** Fields of every status post. */
const common = { statusJidList, messageId: id };

const postedResponse = envelope(
  z.object({
    /** The WhatsApp message id, as in webhooks and the history. */
    messageId: z.string(),
    instanceId: z.string(),
    chatId: z.string(),
  }),
);

const postOptions = (body: { statusJidList?: string[] | undefined; messageId?: string | undefined }) => ({
  statusJidList: body.statusJidList,
  id: body.messageId,
});

const toPostedResponse = (sent: { messageId: string }, { params }: { params: { instanceId: string } }) =>
  enveloped({ messageId: sent.messageId, instanceId: params.instanceId, chatId: statusChat }, "Status accepted");

const postDeclaration = <Name extends CommandName>(command: Name) => ({
  method: "post" as const,
  access: "write" as const,
  command,
  response: postedResponse,
});

const audience = "Sent to the people in `statusJidList`, or else to the contacts in the address book.";

/**
 * A status post is sent to the people in `statusJidList` (at most 1,000), or else to the people in the address book, except
 * blocked ones. The response is 409 `conflict` if there are no recipients.
 */
export const statusEndpoints = [
  commandEndpoint({
    ...postDeclaration("status.sendText"),
    path: "/api/status/{instanceId}/text",
    description: audience,
    body: z.object({ text, backgroundColor, font, ...common }),
    toInput: ({ body }) => ({
      text: body.text,
      backgroundColor: body.backgroundColor,
      font: body.font,
      ...postOptions(body),
    }),
    toResponse: toPostedResponse,
  }),
  commandEndpoint({
    ...postDeclaration("status.sendMedia"),
    path: "/api/status/{instanceId}/image",
    summary: "Post an image as a status",
    description: audience,
    body: z.object({ image: mediaPlace, caption, ...common }),
    check: (context, _input, { body }) => storeOrCheckFile(context, body.image),
    toInput: ({ body }) => ({
      url: body.image.url,
      upload: body.image.upload,
      kind: "image" as const,
      caption: body.caption,
      ...postOptions(body),
    }),
    toResponse: toPostedResponse,
  }),
  commandEndpoint({
    ...postDeclaration("status.sendMedia"),
    path: "/api/status/{instanceId}/voice",
    summary: "Post a voice note as a status",
    description: `${audience} Audio other than Ogg/Opus is converted.`,
    body: z.object({ audio: mediaPlace, ...common }),
    check: (context, _input, { body }) => storeOrCheckFile(context, body.audio),
    toInput: ({ body }) => ({
      url: body.audio.url,
      upload: body.audio.upload,
      kind: "audio" as const,
      ...postOptions(body),
    }),
    toResponse: toPostedResponse,
  }),
  commandEndpoint({
    ...postDeclaration("status.sendMedia"),
    path: "/api/status/{instanceId}/video",
    summary: "Post a video as a status",
    description: `${audience} Formats that WhatsApp can't play are converted.`,
    body: z.object({ video: mediaPlace, caption, asGif: gif, ...common }),
    check: (context, _input, { body }) => storeOrCheckFile(context, body.video),
    toInput: ({ body }) => ({
      url: body.video.url,
      upload: body.video.upload,
      kind: "video" as const,
      gif: body.asGif,
      caption: body.caption,
      ...postOptions(body),
    }),
    toResponse: toPostedResponse,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/status/{instanceId}/delete",
    access: "write",
    command: "status.delete",
    body: z.object({ messageId }),
    response: envelope(z.object({ messageId: z.string() })),
    toInput: ({ body }) => body,
    toResponse: (_result, { body }) => enveloped({ messageId: body.messageId }, "Status deleted"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/status/{instanceId}/new-message-id",
    summary: "Generate a message id for a status post",
    access: "read",
    scope: "statuses:send",
    response: envelope(z.object({ messageId: z.string() })),
    toInput: () => undefined,
    operation: async ({ deps }) => ({ messageId: deps.ids.messageId() }),
    toResponse: ({ messageId: fresh }) => enveloped({ messageId: fresh }),
  }),
];
