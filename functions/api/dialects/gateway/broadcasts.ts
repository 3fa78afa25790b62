import * as z from "zod";
import * as broadcast from "../../../../core/broadcast/index.ts";
import { maxRecipients } from "../../../../core/bulk/plan.ts";
import { person } from "../../../../core/command/catalog/contact.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { mediaPlace } from "../../../../core/media/inline.ts";
import { optionsOf, sendOptions } from "../../../../core/restriction/index.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { sendBroadcast } from "../../operations/broadcast.ts";
import { isoDate, pageRequest, paginationShape, sendAt, undatedPageQuery } from "../../shape/common.ts";
import { mediaOptions } from "../../shape/media-options.ts";
import { envelope, enveloped } from "./envelope.ts";

const { text } = commandCatalog["message.sendText"].input.shape;
const { caption, filename } = commandCatalog["message.sendMedia"].input.shape;

const name = z.string().trim().min(1).max(100);
const recipients = z
  .array(person)
  .min(1)
  .max(maxRecipients)
  .meta({ description: "Phone numbers or JIDs of people. Duplicates count once" });

const listShape = z.object({
  broadcastId: z.string(),
  name: z.string(),
  /** The number of recipients. */
  size: z.int(),
  createdAt: isoDate,
  updatedAt: isoDate,
});
/** A list with the JIDs of its recipients. */
const detailsResponse = envelope(listShape.extend({ recipients: z.array(z.string()) }));

const toList = ({
  id,
  name: listName,
  size,
  createdAt,
  updatedAt,
}: broadcast.Broadcast): z.input<typeof listShape> => ({
  broadcastId: id,
  name: listName,
  size,
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});
const toDetails = (list: broadcast.WholeBroadcast, message?: string) =>
  enveloped({ ...toList(list), recipients: list.recipients }, message);

/** The kinds of content, of which a request has exactly one. */
const contentKinds = ["message", "image", "video", "audio", "file", "sticker"] as const;

const sendBody = z
  .object({
    message: text.optional(),
    image: mediaPlace.optional(),
    video: mediaPlace.optional(),
    /** Sent as a voice note. */
    audio: mediaPlace.optional(),
    /** Sent as a document. */
    file: mediaPlace.optional(),
    sticker: mediaPlace.optional(),
    asGif: mediaOptions.asGif,
    asRound: mediaOptions.asRound,
    /** The caption of an image, video or file. */
    caption,
    /** The name of a file. */
    filename,
    perMinute: z.int().min(1).max(60_000).default(60).meta({ description: "Maximum number of messages per minute" }),
    sendAt,
    ...sendOptions,
  })
  .refine(
    (body) => contentKinds.filter((content) => body[content] !== undefined).length === 1,
    "give exactly one of message, image, video, audio, file and sticker",
  )
  .refine(
    (body) => !(body.asGif || body.asRound) || (body.video !== undefined && !(body.asGif && body.asRound)),
    "asGif, asRound: give at most one, and only with video",
  )
  .refine(
    (body) =>
      body.caption === undefined || [body.message, body.audio, body.sticker].every((content) => content === undefined),
    "only an image, video or file can have a caption",
  );

function fileOf(body: z.output<typeof sendBody>) {
  const { image, video, audio, file, sticker, filename: documentName } = body;
  if (image) return { place: image, kind: "image" as const };
  if (video) return { place: video, kind: "video" as const, gif: body.asGif, round: body.asRound };
  if (audio) return { place: audio, kind: "audio" as const, voice: true };
  if (sticker) return { place: sticker, kind: "sticker" as const };
  return file && { place: file, kind: "document" as const, filename: documentName };
}

/**
 * Linked devices can't create WhatsApp's own broadcast lists, so the gateway keeps its own. As with WhatsApp's lists, each
 * recipient gets the message in their own chat. The gateway sends a broadcast as a bulk.
 */
export const broadcastEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/broadcasts/{instanceId}",
    summary: "List the broadcast lists of an instance, newest first",
    access: "read",
    scope: "broadcasts:read",
    query: undatedPageQuery(50),
    response: envelope(z.array(listShape)).extend({ pagination: paginationShape }),
    toInput: ({ query }) => pageRequest(query, 50),
    operation: ({ deps, instance }, input) => broadcast.listBroadcasts(deps.db, instance.id, input),
    toResponse: ({ broadcasts, pagination }) => ({ ...enveloped(broadcasts.map(toList)), pagination }),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/broadcasts/{instanceId}",
    summary: "Create a broadcast list",
    access: "write",
    scope: "broadcasts:write",
    body: z.object({ name, recipients }),
    response: detailsResponse,
    status: 201,
    toInput: ({ body }) => body,
    operation: ({ deps, instance }, fields) => broadcast.createBroadcast(deps, instance.id, fields),
    toResponse: (list) => toDetails(list, "Broadcast list created"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/broadcasts/{instanceId}/{broadcastId}",
    summary: "Get a broadcast list and its recipients",
    access: "read",
    scope: "broadcasts:read",
    response: detailsResponse,
    errors: ["broadcast_not_found"],
    toInput: ({ params }) => params.broadcastId,
    operation: ({ deps, instance }, input) => broadcast.findBroadcast(deps.db, instance.id, input),
    toResponse: (list) => toDetails(list),
  }),
  instanceEndpoint({
    method: "put",
    path: "/api/broadcasts/{instanceId}/{broadcastId}",
    summary: "Change the name or the recipients of a broadcast list",
    access: "write",
    scope: "broadcasts:write",
    body: z
      .object({ name: name.optional(), recipients: recipients.optional() })
      .refine((body) => body.name !== undefined || body.recipients !== undefined, "give name, recipients or both"),
    response: detailsResponse,
    errors: ["broadcast_not_found"],
    toInput: ({ params, body }) => ({ broadcastId: params.broadcastId, ...body }),
    operation: ({ deps, instance }, { broadcastId, ...fields }) =>
      broadcast.changeBroadcast(deps, instance.id, broadcastId, fields),
    toResponse: (list) => toDetails(list, "Broadcast list updated"),
  }),
  instanceEndpoint({
    method: "delete",
    path: "/api/broadcasts/{instanceId}/{broadcastId}",
    summary: "Delete a broadcast list",
    description: "Messages that were already accepted are still sent.",
    access: "write",
    scope: "broadcasts:write",
    response: envelope(z.object({ broadcastId: z.string() })),
    errors: ["broadcast_not_found"],
    toInput: ({ params }) => params.broadcastId,
    operation: ({ deps, instance }, input) => broadcast.removeBroadcast(deps.db, instance.id, input),
    toResponse: (_result, { params }) => enveloped({ broadcastId: params.broadcastId }, "Broadcast list deleted"),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/broadcasts/{instanceId}/{broadcastId}/send",
    summary: "Send a message to a broadcast list",
    description: "Each recipient gets the message in their own chat. The messages are sent as a bulk.",
    access: "write",
    scope: "messages:send",
    body: sendBody,
    response: envelope(
      z.object({
        bulkId: z.string(),
        broadcastId: z.string(),
        total: z.int(),
        accepted: z.int(),
        rejected: z.int(),
        /** The path of the bulk. GET returns its progress; DELETE cancels the messages that are not released yet. */
        location: z.string(),
        /** The path of the recipients with their status. */
        recipientsLocation: z.string(),
      }),
    ),
    status: 201,
    idempotent: true,
    errors: [
      "broadcast_not_found",
      "instance_not_connected",
      "media_not_usable",
      "quota_exceeded",
      "idempotency_conflict",
      "outcome_unknown",
    ],
    toInput: ({ params, body }) => ({
      broadcastId: params.broadcastId,
      text: body.message ?? body.caption,
      file: fileOf(body),
      perMinute: body.perMinute,
      sendAt: body.sendAt,
      options: optionsOf(body),
    }),
    operation: sendBroadcast,
    toResponse: ({ bulkId, accepted, rejected }, { params }) => {
      const location = `/api/whatsapp/${params.instanceId}/bulk/${bulkId}`;
      const recipientsLocation = `${location}/recipients`;
      const { broadcastId } = params;
      const counts = { total: accepted + rejected, accepted, rejected };
      return enveloped({ bulkId, broadcastId, ...counts, location, recipientsLocation }, "Broadcast accepted");
    },
  }),
];
