import * as z from "zod";
import { recipient } from "../../../../core/message/recipient.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import * as operations from "../../operations/person-export.ts";
import { pageRequest, paginationShape, undatedPageQuery } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";
import { exportLink, exportState, toExportLink, toExportState } from "./export-job.ts";

const job = z.object({
  id: z.string(),
  /** The JIDs of the person that were known at the start. Null once the export was removed by an erasure. */
  person: z.array(z.string()).nullable(),
  ...exportState,
  progress: z.object({
    /** Lines in the file so far. */
    lines: z.int(),
    bytes: z.int(),
  }),
});

const toJob = (found: operations.Job): z.input<typeof job> => ({
  id: found.id,
  person: found.request.person ?? null,
  ...toExportState(found),
  progress: { lines: found.lines, bytes: found.bytes },
});

export const personExportEndpoints = [
  callerEndpoint({
    method: "post",
    path: "/api/privacy/exports",
    summary: "Export everything about a person from all your instances to a file",
    description:
      "The export runs in the background. Ask for its state, and download the file from the link that it then has. A key with scopes also needs `messages:read`.",
    access: "account",
    scope: "account:write",
    body: z.object({
      person: recipient.meta({ description: "The person: a phone number, or the JID of a number or LID" }),
      /** Whether each file has a link, which works for seven days. */
      mediaLinks: z.boolean().default(true),
    }),
    response: envelope(job),
    status: 201,
    errors: ["quota_exceeded"],
    toInput: ({ body }) => ({ jid: body.person, mediaLinks: body.mediaLinks }),
    operation: operations.createExport,
    toResponse: (created) => enveloped(toJob(created), "Export accepted"),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/privacy/exports",
    summary: "List your exports of people, newest first",
    access: "account",
    scope: "account:read",
    query: undatedPageQuery(50),
    response: envelope(z.array(job)).extend({ pagination: paginationShape }),
    toInput: ({ query }) => pageRequest(query, 50),
    operation: operations.listExports,
    toResponse: ({ jobs, pagination }) => ({ ...enveloped(jobs.map(toJob)), pagination }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/privacy/exports/{exportId}",
    summary: "Get the state of an export of a person, and a link to its file",
    description: "A key with scopes also needs `messages:read`.",
    access: "account",
    scope: "account:read",
    response: envelope(job.extend(exportLink)),
    errors: ["export_not_found"],
    toInput: ({ params }) => params.exportId,
    operation: operations.getExport,
    toResponse: ({ link, ...found }) => enveloped({ ...toJob(found), ...toExportLink(link) }),
  }),
  callerEndpoint({
    method: "delete",
    path: "/api/privacy/exports/{exportId}",
    summary: "Cancel an export of a person, or remove its file",
    access: "account",
    scope: "account:write",
    response: envelope(job),
    errors: ["export_not_found"],
    toInput: ({ params }) => params.exportId,
    operation: operations.cancelExport,
    toResponse: (canceled) => enveloped(toJob(canceled)),
  }),
];
