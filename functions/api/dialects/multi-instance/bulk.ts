import * as z from "zod";
import { maxRecipients } from "../../../../core/bulk/plan.ts";
import { type BulkView, listBulks, recipientStatuses } from "../../../../core/bulk/report.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { optionsOf, sendOptions, toWaitingFor, waitingFor } from "../../../../core/restriction/index.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import * as bulk from "../../operations/bulk.ts";
import { isoDate, pageRequest, paginationShape, sendAt, undatedPageQuery } from "../../shape/common.ts";
import { checkMediaOptions, mediaOptions, mediaOptionsInput } from "../../shape/media-options.ts";
import { success, successShape } from "./success.ts";

const { url, upload, caption, filename } = commandCatalog["message.sendMedia"].input.shape;

/** Numbers are allowed too, because variables often come from spreadsheets. */
const variable = z.union([z.string().max(4096), z.number().transform(String)]);

/**
 * Phone numbers and texts are validated later, so that an invalid value rejects only its recipient and not the whole
 * bulk.
 */
const recipient = z.object({
  phone: z.string().max(256),
  message: z.string().optional().meta({ description: "Replaces the common message for this recipient" }),
  variables: z.record(z.string(), variable).optional(),
});

const body = z.object({
  recipients: z.array(recipient).min(1).max(maxRecipients),
  message: z
    .string()
    .optional()
    .meta({ description: "The common message. The recipient's variable `name` replaces {{name}}" }),
  media: checkMediaOptions(z.object({ url, uploadId: upload, caption, filename, ...mediaOptions }))
    .refine((media) => (media.url === undefined) !== (media.uploadId === undefined), "give either url or uploadId")
    .optional(),
  perMinute: z.int().min(1).max(60_000).default(60).meta({ description: "Maximum number of messages per minute" }),
  sendAt,
  ...sendOptions,
});

const bulkShape = z.object({
  id: z.string(),
  status: z.enum(["running", "done", "canceled"]),
  /** The number of accepted and rejected recipients. */
  total: z.int(),
  accepted: z.int(),
  rejected: z.int(),
  perMinute: z.int(),
  createdAt: isoDate,
  startAt: isoDate,
  /** When the last message of the bulk finished, or when the bulk was canceled. */
  finishedAt: isoDate.nullable(),
});

const toBulk = (bulk: BulkView): z.input<typeof bulkShape> => ({
  id: bulk.id,
  status: bulk.status,
  total: bulk.accepted + bulk.rejected,
  accepted: bulk.accepted,
  rejected: bulk.rejected,
  perMinute: bulk.perMinute,
  createdAt: bulk.createdAt.toISOString(),
  startAt: bulk.startAt.toISOString(),
  finishedAt: bulk.finishedAt?.toISOString() ?? null,
});

const recipientStatus = z.enum(recipientStatuses);

export const bulkEndpoints = [
  instanceEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/bulk",
    summary: "Send a message to many recipients at a limited rate",
    description:
      "Invalid recipients are rejected without affecting the others. The list of recipients has the reason for each.",
    access: "write",
    scope: "messages:send",
    body,
    response: z.object({ bulkId: z.string(), total: z.int(), accepted: z.int(), rejected: z.int() }),
    status: 201,
    idempotent: true,
    errors: ["instance_not_connected", "media_not_usable", "quota_exceeded", "idempotency_conflict"],
    toInput: ({ body: { recipients, message, media, perMinute, sendAt: at, onRestriction, typing } }) => ({
      recipients,
      message,
      media: media && {
        url: media.url,
        upload: media.uploadId,
        caption: media.caption,
        filename: media.filename,
        ...mediaOptionsInput(media),
      },
      perMinute,
      sendAt: at,
      options: optionsOf({ onRestriction, typing }),
    }),
    operation: bulk.createBulk,
    toResponse: ({ bulkId, accepted, rejected }) => ({ bulkId, total: accepted + rejected, accepted, rejected }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/bulk",
    summary: "List the bulks of an instance, newest first",
    access: "read",
    scope: "messages:read",
    query: undatedPageQuery(50),
    response: z.object({ bulks: z.array(bulkShape), pagination: paginationShape }),
    toInput: ({ query }) => pageRequest(query, 50),
    operation: ({ deps, instance }, input) => listBulks(deps.db, instance.id, input),
    toResponse: ({ bulks, pagination }) => ({ bulks: bulks.map(toBulk), pagination }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/bulk/{bulkId}",
    summary: "Get a bulk and its progress",
    access: "read",
    scope: "messages:read",
    response: bulkShape.extend({
      /** The number of recipients by status. Their sum is the total. */
      progress: z.object(
        Object.fromEntries(recipientStatuses.map((status) => [status, z.int()])) as Record<
          (typeof recipientStatuses)[number],
          z.ZodInt
        >,
      ),
      /** When the last message is released if nothing delays the bulk; null if no message is left to release. */
      estimatedEnd: isoDate.nullable(),
      /** How many of the scheduled messages wait, and what the next of them waits for. */
      waiting: z.int(),
      waitingFor,
    }),
    errors: ["bulk_not_found"],
    toInput: ({ params }) => params,
    operation: bulk.readBulk,
    toResponse: (found) => ({
      ...toBulk(found),
      progress: found.progress,
      estimatedEnd: found.estimatedEnd?.toISOString() ?? null,
      waiting: found.waiting,
      waitingFor: toWaitingFor(found.waitingReason, found.waitingUntil),
    }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/bulk/{bulkId}/recipients",
    summary: "List the recipients of a bulk with their status, in the given order",
    access: "read",
    scope: "messages:read",
    query: undatedPageQuery(100).extend({ status: recipientStatus.optional() }),
    response: z.object({
      recipients: z.array(
        z.object({
          /** The position in the given list, from 0. */
          index: z.int(),
          phone: z.string(),
          messageId: z.string().nullable(),
          status: recipientStatus,
          error: z.object({ code: z.string(), details: z.string().nullable() }).nullable(),
          waitingFor,
        }),
      ),
      pagination: paginationShape,
    }),
    errors: ["bulk_not_found"],
    toInput: ({ params, query }) => ({ ...params, ...pageRequest(query, 100), status: query.status }),
    operation: bulk.listRecipients,
    toResponse: ({ recipients, pagination }) => ({
      recipients: recipients.map(({ errorCode, errorDetails, waitingReason, waitingUntil, ...rest }) => ({
        ...rest,
        waitingFor: toWaitingFor(waitingReason, waitingUntil),
        error: errorCode === null ? null : { code: errorCode, details: errorDetails },
      })),
      pagination,
    }),
  }),
  instanceEndpoint({
    method: "delete",
    path: "/api/whatsapp/{instanceId}/bulk/{bulkId}",
    summary: "Cancel a bulk",
    description: "Messages that were already released are still sent.",
    access: "write",
    scope: "messages:send",
    response: successShape.extend({ canceled: z.int() }),
    errors: ["bulk_not_found"],
    toInput: ({ params }) => params,
    operation: bulk.cancelBulk,
    toResponse: ({ canceled }) => ({ ...success, canceled }),
  }),
];
