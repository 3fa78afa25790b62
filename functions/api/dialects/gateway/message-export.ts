import * as z from "zod";
import { exportFormats } from "../../../../core/message/export/export.sql.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import * as operations from "../../operations/export.ts";
import { pageQuery, pageRequest, paginationShape, undatedPageQuery } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";
import { exportLink, exportState, toExportLink, toExportState } from "./export-job.ts";

const { startDate, endDate } = pageQuery(50).shape;

const job = z.object({
  id: z.string(),
  chatId: z.string().nullable(),
  format: z.enum(exportFormats),
  ...exportState,
  progress: z.object({
    /** Messages in the file so far. */
    messages: z.int(),
    /** Messages in the chat when the job was created; null with a range of time. */
    total: z.int().nullable(),
    bytes: z.int(),
  }),
});

const details = job.extend(exportLink);

const toJob = (found: operations.Job): z.input<typeof job> => ({
  id: found.id,
  chatId: found.request.chatId,
  format: found.request.format,
  ...toExportState(found),
  progress: { messages: found.lines, total: found.total, bytes: found.bytes },
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
    toResponse: ({ link, ...found }) => enveloped({ ...toJob(found), ...toExportLink(link) }),
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
