import * as z from "zod";
import { type CommandName, commandCatalog } from "../command/catalog/index.ts";
import { type AppError, type ErrorCode, errorCodes } from "../error.ts";
import { instant } from "../instant.ts";
import { singleSendOptions } from "../restriction/index.ts";
import { validated } from "../validate.ts";

const commandNames = Object.keys(commandCatalog) as [CommandName, ...CommandName[]];

/** SQS allows 80 characters. The queue is a FIFO queue, because replies have an order. */
export const replyQueueName = z.string().regex(/^[A-Za-z0-9_-]{1,75}\.fifo$/, "must be the name of a FIFO queue");

/** Chosen by the sender. Identifies the request in replies, and is its idempotency key for 24 hours. */
const requestId = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, "must be 1 to 255 printable ASCII characters without spaces");

/**
 * A command on `command-ingress.fifo`, version 1. Unknown fields are errors, so that a misspelled `runAt` or `replyTo`
 * is noticed. Each command declares its `input`.
 */
export const ingressMessage = z.strictObject({
  v: z.literal(1, "must be 1"),
  id: requestId,
  /** Optional for senders that the configuration allows. */
  apiKey: z.string().min(1).max(255).optional(),
  instanceId: z.uuid(),
  command: z.enum(commandNames, "is not a command"),
  input: z.record(z.string(), z.unknown()).default({}),
  /** For a send: the time at which the message is due, as ISO 8601 with a time zone. */
  runAt: instant.optional(),
  ...singleSendOptions,
  /**
   * Name of the queue for replies. Defaults to the attribute `replyTo` of the message. If both are absent, no replies
   * are sent.
   */
  replyTo: replyQueueName.optional(),
});

export type IngressMessage = z.output<typeof ingressMessage>;

const errorShape = z.object({
  code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
  title: z.string(),
  details: z.string().nullable(),
});

/** The fields of every reply. */
const common = {
  v: z.literal(1),
  /** The id that the sender chose. */
  id: requestId,
  instanceId: z.uuid(),
  at: z.iso.datetime(),
  /** SQS's id of the request message. It is in all log lines and events about the request. */
  correlationId: z.string(),
};
/** The fields of every reply to an accepted command. */
const acceptedFields = {
  ...common,
  /** Name of the requested command. */
  command: z.enum(commandNames),
  commandId: z.uuid(),
  /** For a send: WhatsApp's id of the message. */
  messageId: z.string().nullable(),
};

/** A reply on the reply queue, version 1. `done`, `failed` and `rejected` are final. */
export const ingressReply = z.discriminatedUnion("status", [
  /** The reply `done` or `failed` follows. For a send, it follows within 24 hours. */
  z.object({ ...acceptedFields, status: z.literal("accepted"), runAt: z.iso.datetime().nullable() }),
  /**
   * `output` as the command declares it, or null if the output is too large for a queue. `GET
   * /api/commands/{commandId}` returns the output.
   */
  z.object({ ...acceptedFields, status: z.literal("done"), output: z.unknown() }),
  z.object({ ...acceptedFields, status: z.literal("failed"), error: errorShape }),
  /** Nothing was done. `id` and `instanceId` are null if they could not be read. */
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

/** The parts of an invalid message that a reply needs. */
export interface ReadableParts {
  id: string | null;
  instanceId: string | null;
  /** As the sender wrote it, unchecked. */
  replyTo: unknown;
}

export const unreadable: ReadableParts = { id: null, instanceId: null, replyTo: undefined };

/** Returns the valid parts of a message that may be invalid as a whole. */
export function readable(parsed: unknown): ReadableParts {
  if (typeof parsed !== "object" || parsed === null) return unreadable;
  const { id, instanceId, replyTo } = parsed as Record<string, unknown>;
  return {
    id: requestId.safeParse(id).data ?? null,
    instanceId: ingressMessage.shape.instanceId.safeParse(instanceId).data ?? null,
    replyTo,
  };
}

/** Throws `invalid_request`. The error repeats no values, because one of the values is an API key. */
export const readMessage = (parsed: unknown): IngressMessage =>
  validated(ingressMessage, parsed, { whole: "message", field: "field" });
