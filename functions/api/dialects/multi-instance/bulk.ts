import * as z from "zod";
import { maxRecipients } from "../../../../core/bulk/plan.ts";
import { type BulkView, listBulks, recipientStatuses } from "../../../../core/bulk/report.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import * as bulk from "../../operations/bulk.ts";
import { isoDate, pageOnly, pageRequest, paginationShape, sendAt } from "../../shape/common.ts";

const { url, upload, caption, filename } = commandCatalog["message.sendMedia"].input.shape;

/** A number is as good as a text: variables come out of tables. */
const variable = z.union([z.string().max(4096), z.number().transform(String)]);

/** Numbers and texts are loose here: what does not fit makes its recipient rejected, not the whole. */
const recipient = z.object({
  phone: z.string().max(256),
  message: z.string().optional().meta({ description: "In place of the message for all" }),
  variables: z.record(z.string(), variable).optional(),
});

const body = z.object({
  recipients: z.array(recipient).min(1).max(maxRecipients),
  message: z.string().optional().meta({ description: "For all. {{name}} stands for a recipient's variable `name`" }),
  media: z
    .object({ url, uploadId: upload, caption, filename })
    .refine((media) => (media.url === undefined) !== (media.uploadId === undefined), "give either url or uploadId")
    .optional(),
  perMinute: z.int().min(1).max(60_000).default(60).meta({ description: "Messages a minute at most" }),
  sendAt,
});

const shape = z.object({
  id: z.string(),
  status: z.enum(["running", "done", "canceled"]),
  /** Recipients that were given: accepted and rejected. */
  total: z.int(),
  accepted: z.int(),
  rejected: z.int(),
  perMinute: z.int(),
  createdAt: isoDate,
  startAt: isoDate,
  /** When its last message had ended, or it was canceled. */
  finishedAt: isoDate.nullable(),
});

const toBulk = (one: BulkView): z.input<typeof shape> => ({
  id: one.id,
  status: one.status,
  total: one.accepted + one.rejected,
  accepted: one.accepted,
  rejected: one.rejected,
  perMinute: one.perMinute,
  createdAt: one.createdAt.toISOString(),
  startAt: one.startAt.toISOString(),
  finishedAt: one.finishedAt?.toISOString() ?? null,
});

const recipientStatus = z.enum(recipientStatuses);

export const bulkEndpoints = [
  instanceEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/bulk",
    summary: "Send to many at a pace. Who cannot get it is rejected alone and stands in the report",
    access: "write",
    body,
    answer: z.object({ bulkId: z.string(), total: z.int(), accepted: z.int(), rejected: z.int() }),
    status: 201,
    idempotent: true,
    errors: ["instance_not_connected", "media_not_usable", "idempotency_conflict"],
    in: ({ body: { recipients, message, media, perMinute, sendAt: at } }) => ({
      recipients,
      message,
      media: media && { url: media.url, upload: media.uploadId, caption: media.caption, filename: media.filename },
      perMinute,
      startAt: at === undefined ? undefined : new Date(at),
    }),
    does: bulk.createBulk,
    out: ({ bulkId, accepted, rejected }) => ({ bulkId, total: accepted + rejected, accepted, rejected }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/bulk",
    summary: "The bulks of an instance, from the newest to the oldest",
    access: "read",
    query: pageOnly(50),
    answer: z.object({ bulks: z.array(shape), pagination: paginationShape }),
    in: ({ query }) => pageRequest(query, 50),
    does: ({ deps, instance }, input) => listBulks(deps.db, instance.id, input),
    out: ({ bulks, pagination }) => ({ bulks: bulks.map(toBulk), pagination }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/bulk/{bulkId}",
    summary: "How far a bulk has come",
    access: "read",
    answer: shape.extend({
      /** How many recipients stand where; together they are the total. */
      progress: z.object(
        Object.fromEntries(recipientStatuses.map((status) => [status, z.int()])) as Record<
          (typeof recipientStatuses)[number],
          z.ZodInt
        >,
      ),
      /** When the last one leaves at this pace, if nothing holds it up; null when none is left. */
      estimatedEnd: isoDate.nullable(),
    }),
    errors: ["bulk_not_found"],
    in: ({ params }) => params,
    does: bulk.readBulk,
    out: (one) => ({
      ...toBulk(one),
      progress: one.progress,
      estimatedEnd: one.estimatedEnd?.toISOString() ?? null,
    }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/bulk/{bulkId}/recipients",
    summary: "What became of each recipient of a bulk, in the order given",
    access: "read",
    query: pageOnly(100).extend({ status: recipientStatus.optional() }),
    answer: z.object({
      recipients: z.array(
        z.object({
          /** Its place in the list that was given, from 0. */
          index: z.int(),
          phone: z.string(),
          messageId: z.string().nullable(),
          status: recipientStatus,
          error: z.object({ code: z.string(), details: z.string().nullable() }).nullable(),
        }),
      ),
      pagination: paginationShape,
    }),
    errors: ["bulk_not_found"],
    in: ({ params, query }) => ({ ...params, ...pageRequest(query, 100), status: query.status }),
    does: bulk.listRecipients,
    out: ({ recipients, pagination }) => ({
      recipients: recipients.map(({ errorCode, errorDetails, ...one }) => ({
        ...one,
        error: errorCode === null ? null : { code: errorCode, details: errorDetails },
      })),
      pagination,
    }),
  }),
  instanceEndpoint({
    method: "delete",
    path: "/api/whatsapp/{instanceId}/bulk/{bulkId}",
    summary: "Call off what has not been released yet; the rest goes its way",
    access: "write",
    answer: z.object({ success: z.literal(true), canceled: z.int() }),
    errors: ["bulk_not_found"],
    in: ({ params }) => params,
    does: bulk.cancelBulk,
    out: ({ canceled }) => ({ success: true as const, canceled }),
  }),
];
