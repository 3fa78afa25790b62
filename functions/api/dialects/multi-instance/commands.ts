import * as z from "zod";
import { commandStatuses } from "../../../../core/command/command.sql.ts";
import { toWaitingFor, waitingFor } from "../../../../core/restriction/index.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import { getCommand } from "../../operations/command.ts";
import { isoDate } from "../../shape/common.ts";

export const commandEndpoints = [
  callerEndpoint({
    method: "get",
    path: "/api/commands/{commandId}",
    summary: "Get a command and its result",
    description: "The commands of an instance are deleted with the instance.",
    access: "read",
    scope: "any",
    limitable: true,
    response: z.object({
      id: z.string(),
      instanceId: z.string(),
      name: z.string(),
      kind: z.enum(["send", "mutate", "query"]),
      /** `queued`, `claimed` (by a session host), `done` or `failed`. */
      status: z.enum(commandStatuses),
      /** The WhatsApp id of the message, for a send. */
      messageId: z.string().nullable(),
      output: z.unknown(),
      error: z.object({ code: z.string(), details: z.string().nullable() }).nullable(),
      waitingFor,
      createdAt: isoDate,
      finishedAt: isoDate.nullable(),
    }),
    errors: ["command_not_found"],
    secrets: true,
    toInput: ({ params }) => params,
    operation: getCommand,
    toResponse: (command) => ({
      id: command.id,
      instanceId: command.instanceId,
      name: command.name,
      kind: command.kind,
      status: command.status,
      messageId: command.waId,
      output: command.output ?? null,
      error: command.errorCode === null ? null : { code: command.errorCode, details: command.errorDetails },
      waitingFor: toWaitingFor(command.waitingReason, command.runAt),
      createdAt: command.createdAt.toISOString(),
      finishedAt: command.finishedAt?.toISOString() ?? null,
    }),
  }),
];
