import * as z from "zod";
import { type CommandName, commandCatalog } from "../command/catalog/index.ts";
import { AppError, type ErrorCode, errorCodes } from "../error.ts";

const commandNames = Object.keys(commandCatalog) as [CommandName, ...CommandName[]];

/** SQS allows 80 characters; replies have an order, so the queue is a FIFO queue. */
export const replyQueueName = z.string().regex(/^[A-Za-z0-9_-]{1,75}\.fifo$/, "must be the name of a FIFO queue");

/** The sender's own: names the request in its replies, and is its idempotency key for 24 hours. */
const requestId = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, "must be 1 to 255 printable ASCII characters without spaces");

/**
 * A command as others put it on `command-ingress.fifo`, version 1. Strict, since whoever misspells `runAt` or `replyTo` would
 * rather hear of it. What `input` may be is declared with each command.
 */
export const ingressMessage = z.strictObject({
  v: z.literal(1, "must be 1"),
  id: requestId,
  /** Not needed by senders that the configuration allows. */
  apiKey: z.string().min(1).max(255).optional(),
  instanceId: z.uuid(),
  command: z.enum(commandNames, "there is no such command"),
  input: z.record(z.string(), z.unknown()).default({}),
  /** Of a send: not before this, as ISO 8601 with a zone. */
  runAt: z.iso.datetime({ offset: true }).optional(),
  /** Name of the queue that replies go to; else the attribute `replyTo` of the message says it; without either there are none. */
  replyTo: replyQueueName.optional(),
});

export type IngressMessage = z.output<typeof ingressMessage>;

const errorShape = z.object({
  code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
  title: z.string(),
  details: z.string().nullable(),
});

const common = {
  v: z.literal(1),
  /** As the sender gave it. */
  id: requestId,
  instanceId: z.uuid(),
  at: z.iso.datetime(),
  /** In all log lines and events about the request: SQS's id of the message that asked. */
  correlationId: z.string(),
};
const taken = {
  ...common,
  /** Which one was asked for. */
  command: z.enum(commandNames),
  commandId: z.uuid(),
  /** WhatsApp's id of the message, of a send. */
  messageId: z.string().nullable(),
};

/** What a sender is told on its reply queue, version 1. `done`, `failed` and `rejected` are final. */
export const ingressReply = z.discriminatedUnion("status", [
  /** It will be done or will have failed; a send within 24 hours. */
  z.object({ ...taken, status: z.literal("accepted"), runAt: z.iso.datetime().nullable() }),
  /** `output` as the command declares it; null when it is too large for a queue and stands at `GET /api/commands/{commandId}`. */
  z.object({ ...taken, status: z.literal("done"), output: z.unknown() }),
  z.object({ ...taken, status: z.literal("failed"), error: errorShape }),
  /** Nothing was done. `id` and `instanceId` are null when they could not be read. */
  z.object({
    ...common,
    id: requestId.nullable(),
    instanceId: z.uuid().nullable(),
    status: z.literal("rejected"),
    error: errorShape,
  }),
]);

export type IngressReply = z.output<typeof ingressReply>;

export const errorOf = (error: AppError): z.output<typeof errorShape> => ({
  code: error.code,
  title: errorCodes[error.code].title,
  details: error.details ?? null,
});

/** What of a message can be read whatever else is wrong with it: enough to answer. */
export interface Readable {
  id: string | null;
  instanceId: string | null;
  /** As the sender wrote it: not yet checked. */
  replyTo: unknown;
}

export const unreadable: Readable = { id: null, instanceId: null, replyTo: undefined };

/** Undefined when it is not JSON. Without a reason: the parser's would repeat some of the text. */
export function tryParse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

export function readable(parsed: unknown): Readable {
  if (typeof parsed !== "object" || parsed === null) return unreadable;
  const { id, instanceId, replyTo } = parsed as Record<string, unknown>;
  return {
    id: requestId.safeParse(id).data ?? null,
    instanceId: ingressMessage.shape.instanceId.safeParse(instanceId).data ?? null,
    replyTo,
  };
}

/** Throws `invalid_request`. Values are not repeated: one of them is a key. */
export function readMessage(parsed: unknown): IngressMessage {
  const read = ingressMessage.safeParse(parsed);
  if (read.success) return read.data;
  const details = read.error.issues.map((issue) => `${issue.path.join(".") || "message"}: ${issue.message}`);
  throw new AppError("invalid_request", details.join("; "));
}
