import type { Context as HonoContext } from "hono";
import { type AuditEntry, auditLogOf } from "../../../core/audit/log.ts";
import { isAdmin } from "../../../core/caller.ts";
import type { AcceptRequest } from "../../../core/command/accept.ts";
import { type ErrorCode, errorCodes } from "../../../core/error.ts";
import { isUuid } from "../../../core/id.ts";
import type { Instance } from "../../../core/instance/index.ts";
import { RefusedCredentials } from "../../../core/user/authenticate.ts";
import type { SharedContext } from "./context.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ApiEnv } from "./env.ts";
import { asAppError } from "./errors.ts";

/** What a request turned out to be about, as far as it was read. */
export interface Subject {
  instance?: Instance | undefined;
  /** Names of the fields of the body. */
  fields?: string[];
  /** The user that an operation without credentials was for. */
  userId?: string;
  /** Whether the entry about the accepted request is written, and the call is counted. */
  isWritten?: boolean;
}

/**
 * Operations that aren't reads by their method, but are logged only if they are refused. A key that may only read can use
 * them, and could fill the log otherwise.
 */
export const reads: Readonly<Record<string, string>> = {
  "POST /api/whatsapp/{instanceId}/check": "a query with a body: over SQS and with GET, it isn't logged either",
  "POST /api/events/stream/token": "changes nothing: the token is used once, within 30 seconds, to read",
};

/** Parameters of paths that are ids of ours. Others can be numbers of people. */
const targetNames = new Set([
  "userId",
  "keyId",
  "endpointId",
  "commandId",
  "deliveryId",
  "webhookId",
  "bulkId",
  "exportId",
]);

/**
 * Logs a request that is not a read, whatever became of it. Requests of unknown callers are logged only if they succeed, or
 * if they fail to log a known user in, so that strangers can't fill the log. Never rejects.
 */
export async function audit(
  c: HonoContext<ApiEnv>,
  shared: SharedContext,
  endpoint: Endpoint,
  params: Record<string, string>,
  subject: Subject,
  end: { response: Response } | { error: unknown },
): Promise<void> {
  if (endpoint.method === "get") return;
  const { caller } = c.var;
  const error = "error" in end ? asAppError(end.error, c.req.method) : undefined;
  const refused = error instanceof RefusedCredentials ? error.holder : undefined;
  const userId = caller?.userId ?? refused?.userId ?? subject.userId ?? null;
  const operation = `${endpoint.method.toUpperCase()} ${endpoint.path}`;
  if (!error && operation in reads) return;
  // A failed login runs the statement for an unknown user too, so that its time doesn't tell which users exist.
  const isLogin = endpoint.access === "public" && error?.code === "invalid_credentials";
  if (error && userId === null && !isLogin) return;
  if (!error && subject.isWritten) return;
  const status = error ? error.status : "response" in end ? end.response.status : null;
  await auditLogOf(shared).write({
    ...entryOf(c, endpoint, params, subject),
    ...(refused && !caller ? { userId, keyId: refused.keyId, ownerId: userId } : {}),
    outcome: error ? outcomeOf(error.code) : isAccepted(endpoint, status) ? "accepted" : "done",
    status,
    code: error?.code ?? null,
  });
}

/** Returns the entry about a send that is accepted, which `acceptCommand` writes; undefined for other endpoints. */
export function auditOfSend(
  c: HonoContext<ApiEnv>,
  endpoint: Endpoint,
  params: Record<string, string>,
  subject: Subject,
): AcceptRequest["audit"] {
  if (!isSend(endpoint)) return undefined;
  const entry: AuditEntry = {
    ...entryOf(c, endpoint, params, subject),
    outcome: "accepted",
    status: endpoint.status,
    code: null,
  };
  return {
    entry,
    onWritten: () => {
      subject.isWritten = true;
    },
  };
}

/** Returns what is logged about a request, whatever became of it. */
function entryOf(
  c: HonoContext<ApiEnv>,
  { method, path }: Endpoint,
  params: Record<string, string>,
  subject: Subject,
): Omit<AuditEntry, "outcome" | "status" | "code"> {
  const { caller, ip } = c.var;
  const userId = caller?.userId ?? subject.userId ?? null;
  const { userId: targetUser } = params;
  // Others must not write into the log of the user whom they name.
  const mayActOn = caller && targetUser && isUuid(targetUser) && (targetUser === caller.userId || isAdmin(caller));
  return {
    userId,
    keyId: caller?.key?.id ?? null,
    ip: ip ?? null,
    source: "api",
    operation: `${method.toUpperCase()} ${path}`,
    ownerId: subject.instance?.userId ?? (mayActOn ? targetUser : userId),
    instanceId: subject.instance?.id ?? null,
    target: targetOf(params),
    fields: subject.fields ?? [],
    requestId: c.var.requestId,
  };
}

function targetOf(params: Record<string, string>): Record<string, string> | null {
  const ids = Object.entries(params).filter(([name, value]) => targetNames.has(name) && isUuid(value));
  return ids.length > 0 ? Object.fromEntries(ids) : null;
}

/** `unavailable` says that nothing was done. After other errors of the server, something may have happened. */
export const outcomeOf = (code: ErrorCode) =>
  errorCodes[code].status < 500 || code === "unavailable" ? "refused" : "failed";

/** A command whose endpoint never responds with 202 is a send, which is only accepted when the response is sent. */
const isAccepted = (endpoint: Endpoint, status: number | null) => status === 202 || isSend(endpoint);

/** Whether the endpoint accepts a message, and doesn't wait until it is sent. */
export const isSend = ({ command, mayPend }: Endpoint) => command !== null && !mayPend;
