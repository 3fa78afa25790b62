import * as z from "zod";
import { recipient } from "../../../../core/message/recipient.ts";
import { erasureStatuses } from "../../../../core/privacy/erasure.sql.ts";
import { type Erasure, findErasure, listErasures } from "../../../../core/privacy/index.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import { eraseEverywhere } from "../../operations/privacy.ts";
import { isoDate, pageRequest, paginationShape, undatedPageQuery } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const person = recipient.meta({ description: "The person: a phone number, or the JID of a number or LID" });

const erasure = z.object({
  id: z.string(),
  /** `waiting`: everything was erased, and is looked for once more after ten minutes. */
  status: z.enum(erasureStatuses),
  /** Rows that were deleted or changed so far, by table. */
  counts: z.record(z.string(), z.int()),
  /** SHA-256 of `<receipt>:<JID>`, hexadecimal. */
  proof: z.string(),
  createdAt: isoDate,
  finishedAt: isoDate.nullable(),
});

const toErasure = ({ id, status, counts, proof, createdAt, finishedAt }: Erasure): z.input<typeof erasure> => ({
  id,
  status,
  counts,
  proof,
  createdAt: createdAt.toISOString(),
  finishedAt: finishedAt?.toISOString() ?? null,
});

export const privacyEndpoints = [
  callerEndpoint({
    method: "post",
    path: "/api/privacy/erasures",
    summary: "Erase everything about a person from all your instances",
    description: "The erasure runs in the background and can't be undone. Exports of the user are removed too.",
    access: "account",
    scope: "account:write",
    body: z.object({ person }),
    response: envelope(
      erasure.extend({
        /** Proves later whom the erasure was about. Only this response has it. */
        receipt: z.string(),
      }),
    ),
    status: 201,
    errors: ["quota_exceeded"],
    toInput: ({ body }) => body.person,
    operation: eraseEverywhere,
    toResponse: ({ receipt, ...created }) => enveloped({ ...toErasure(created), receipt }, "Erasure accepted"),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/privacy/erasures",
    summary: "List your erasures, newest first",
    access: "account",
    scope: "account:read",
    query: undatedPageQuery(50),
    response: envelope(z.array(erasure)).extend({ pagination: paginationShape }),
    toInput: ({ query }) => pageRequest(query, 50),
    operation: ({ deps, caller }, page) => listErasures(deps.db, caller.userId, page),
    toResponse: ({ erasures, pagination }) => ({ ...enveloped(erasures.map(toErasure)), pagination }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/privacy/erasures/{erasureId}",
    summary: "Get the state of an erasure",
    access: "account",
    scope: "account:read",
    response: envelope(erasure),
    errors: ["erasure_not_found"],
    toInput: ({ params }) => params.erasureId,
    operation: ({ deps, caller }, id) => findErasure(deps.db, caller.userId, id),
    toResponse: (found) => enveloped(toErasure(found)),
  }),
];
