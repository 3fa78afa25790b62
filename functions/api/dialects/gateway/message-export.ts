import * as z from "zod";
import { exportFormats, exportStatuses } from "../../../../core/message/export/export.sql.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import * as operations from "../../operations/export.ts";
import { isoDate, pageQuery, pageRequest, paginationShape, undatedPageQuery } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const { startDate, endDate } = pageQuery(50).shape;

const job = z.object({
  id: z.string(),
  chatId: z.string().nullable(),
  format: z.enum(exportFormats),
  mediaLinks: z.boolean(),
  /** `expired`: the file was removed. */
  status: z.enum(exportStatuses),
  progress: z.object({
    /** Messages in the file so far. */
    messages: z.int(),
    /** Messages in the chat when the job was created; null with a range of time. */
    total: z.int().nullable(),
    bytes: z.int(),
  }),
  /** Why the last attempt failed. The job goes on unless its status is `failed`. */
  error: z.string().nullable(),
  createdAt: isoDate,
  finishedAt: isoDate.nullable(),
  /** When the file is removed. */
  expiresAt: isoDate.nullable(),
});

const details = job.extend({
  /** A link to the file, which works for an hour. Each request returns a new one. Null without a file. */
  url: z.string().nullable(),
  urlExpiresAt: isoDate.nullable(),
});

const toJob = ({ id, request, status, lines, bytes, total, error, ...times }: operations.Job): z.input<typeof job> => ({
  id,
  chatId: request.chatId,
  format: request.format,
  mediaLinks: request.mediaLinks,
  status,
  progress: { messages: lines, total, bytes },
  error,
  createdAt: times.createdAt.toISOString(),
  finishedAt: times.finishedAt?.toISOString() ?? null,
  expiresAt: times.expiresAt?.toISOString() ?? null,
});

export const messageExportEndpoints = [
  instanceEndpoint({
    method: "post",
    path: "/api/message/exports/{instanceId}",
    summary: "Export the messages of a chat to a file",
    description:
      "The export runs in the background. Ask for its state, and download the file from the link that it then has.",
    access: "read",
    scope: "messages:read",
    body: z.object({
      chatId: z.string().max(128),
      format: z.enum(exportFormats).default("jsonl"),
      /** Whether each file has a link, which works for seven days. */
      mediaLinks: z.boolean().default(false),
      startDate,
      endDate,
    }),
    response: envelope(job),
    status: 201,
    errors: ["quota_exceeded"],
    toInput: ({ body }) => {
      const { from, before } = pageRequest({ startDate: body.startDate, endDate: body.endDate }, 1);
      return { chat: body.chatId, format: body.format, mediaLinks: body.mediaLinks, from, before };
    },
    operation: operations.createExport,
    toResponse: (created) => enveloped(toJob(created), "Export accepted"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/message/exports/{instanceId}",
    summary: "List the exports of an instance, newest first",
    access: "read",
    scope: "messages:read",
    query: undatedPageQuery(50),
    response: envelope(z.array(job)).extend({ pagination: paginationShape }),
    toInput: ({ query }) => pageRequest(query, 50),
    operation: operations.listExports,
    toResponse: ({ jobs, pagination }) => ({ ...enveloped(jobs.map(toJob)), pagination }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/message/exports/{instanceId}/{exportId}",
    summary: "Get the state of an export, and a link to its file",
    access: "read",
    scope: "messages:read",
    response: envelope(details),
    errors: ["export_not_found"],
    toInput: ({ params }) => params,
    operation: operations.getExport,
    toResponse: ({ link, ...found }) =>
      enveloped({ ...toJob(found), url: link?.url ?? null, urlExpiresAt: link?.expiresAt.toISOString() ?? null }),
  }),
  instanceEndpoint({
    method: "delete",
    path: "/api/message/exports/{instanceId}/{exportId}",
    summary: "Cancel an export, or remove its file",
    access: "write",
    scope: "messages:read",
    response: envelope(job),
    errors: ["export_not_found"],
    toInput: ({ params }) => params,
    operation: operations.cancelExport,
    toResponse: (canceled) => enveloped(toJob(canceled)),
  }),
];
