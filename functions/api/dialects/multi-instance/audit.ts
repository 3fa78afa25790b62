import * as z from "zod";
import { auditOutcomes } from "../../../../core/audit/audit.sql.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import { listAudit } from "../../operations/audit.ts";
import { isoDate, pageQuery, pageRequest, queryText } from "../../shape/common.ts";

const entry = z.object({
  id: z.string(),
  at: isoDate,
  /** Null without credentials. `email` is null if the user was deleted. */
  user: z.object({ id: z.string(), email: z.string().nullable() }).nullable(),
  /** Null for a token. */
  key: z.object({ id: z.string(), name: z.string().nullable() }).nullable(),
  ip: z.string().nullable(),
  source: z.enum(["api", "sqs"]),
  /** Method and path of the endpoint, or the command for SQS. */
  operation: z.string(),
  /** The user whose things the operation is about. */
  ownerId: z.string().nullable(),
  instanceId: z.string().nullable(),
  /** Ids in the path. */
  target: z.record(z.string(), z.string()).nullable(),
  /** Names of the fields in the body, without their values. */
  fields: z.array(z.string()),
  outcome: z.enum(auditOutcomes),
  status: z.int().nullable(),
  code: z.string().nullable(),
  requestId: z.string(),
});

const { limit, startDate, endDate } = pageQuery(100).shape;

export const auditEndpoints = [
  callerEndpoint({
    method: "get",
    path: "/api/audit",
    summary: "List what was changed, by whom and from where, newest first",
    description:
      "Users see what was done with their credentials or to their things. Admins see everything. Entries are kept for `RETENTION_AUDIT_DAYS`.",
    access: "account",
    scope: "audit:read",
    query: z.object({
      userId: z.uuid().optional(),
      keyId: z.uuid().optional(),
      instanceId: z.uuid().optional(),
      operation: queryText(200).optional().meta({ description: "As in the entries: `PUT /api/keys/{keyId}`" }),
      outcome: z.enum(auditOutcomes).optional(),
      source: z.enum(["api", "sqs"]).optional(),
      startDate,
      endDate,
      limit,
      cursor: z
        .string()
        .regex(/^\d{1,15}$/, "must be a nextCursor")
        .optional()
        .meta({ description: "The `nextCursor` of the previous page" }),
    }),
    response: z.object({ entries: z.array(entry), nextCursor: z.string().nullable() }),
    toInput: ({ query: { cursor, limit: most, startDate: first, endDate: last, ...filter } }) => {
      const page = pageRequest({ limit: most, startDate: first, endDate: last }, 100);
      return {
        filter: {
          ...filter,
          from: page.from,
          until: page.before,
          before: cursor === undefined ? undefined : Number(cursor),
        },
        limit: page.limit,
      };
    },
    operation: listAudit,
    toResponse: ({ records, next }) => ({
      entries: records.map(({ id, at, userId, email, keyId, keyName, ...rest }) => ({
        ...rest,
        id: String(id),
        at: at.toISOString(),
        user: userId === null ? null : { id: userId, email },
        key: keyId === null ? null : { id: keyId, name: keyName },
      })),
      nextCursor: next === null ? null : String(next),
    }),
  }),
];
