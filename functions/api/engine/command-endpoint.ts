import type * as z from "zod";
import type { Permission } from "../../../core/caller.ts";
import {
  type CommandInput,
  type CommandName,
  type CommandOutput,
  commandCatalog,
} from "../../../core/command/catalog/index.ts";
import type { Accepted } from "../../../core/command/idempotency.ts";
import { scopeOfCommand } from "../../../core/command/scope.ts";
import type { ErrorCode } from "../../../core/error.ts";
import { sendTime } from "../../../core/instance/timezone.ts";
import { optionsOf } from "../../../core/restriction/index.ts";
import type { InstanceContext } from "./context.ts";
import { type Declaration, type Endpoint, instanceEndpoint, type RequestOf, type Schema } from "./endpoint.ts";
import { runCommand } from "./run-command.ts";

/*
 * This module is separate from the other endpoints, because it loads all commands. A family without commands starts
 * faster without them.
 */

/** The result that a command endpoint maps to its response. Only a scheduled send has `scheduledAt`. */
type CommandResultOf<Name extends CommandName> = CommandOutput<Name> &
  Pick<Accepted, "commandId"> & { scheduledAt?: string };

/**
 * An endpoint that runs a command on one of the caller's instances. A send gets its response once it is accepted. Other commands
 * get their result, or 202 if they still run after the waiting time. The summary and the scope are those of the command,
 * unless the endpoint declares others.
 */
export function commandEndpoint<
  Name extends CommandName,
  const Path extends string,
  ResponseShape extends z.ZodType,
  Query extends Schema = undefined,
  Body extends Schema = undefined,
>(
  declaration: Declaration<Path, Query, Body, ResponseShape> & {
    access: Permission;
    summary?: string;
    command: Name;
    /** Runs before the command is accepted. Throws an `AppError` to refuse the request. */
    check?(context: InstanceContext, input: CommandInput<Name>, request: RequestOf<Path, Query, Body>): Promise<void>;
    toInput(request: RequestOf<Path, Query, Body>): CommandInput<Name>;
    /** When a send goes out, as ISO 8601; undefined means now. */
    sendAt?(request: RequestOf<Path, Query, Body>): string | undefined;
    toResponse(result: CommandResultOf<Name>, request: RequestOf<Path, Query, Body>): z.input<ResponseShape>;
  },
): Endpoint {
  const { command, check, sendAt, ...rest } = declaration;
  const definition = commandCatalog[command];
  const offline: ErrorCode[] = definition.offline ? [] : ["instance_not_connected"];
  const limited: ErrorCode[] =
    definition.kind === "send" ? ["quota_exceeded", "account_restricted", "rate_limited"] : [];
  const endpoint = instanceEndpoint({
    ...rest,
    summary: declaration.summary ?? definition.summary,
    scope: declaration.scope ?? scopeOfCommand(command),
    errors: [
      ...(declaration.errors ?? []),
      ...definition.errors,
      ...offline,
      ...limited,
      "idempotency_conflict",
      "outcome_unknown",
    ],
    mayPend: definition.kind !== "send",
    secrets: definition.secret,
    idempotent: true,
    toInput: (request) => request,
    operation: (context, request: RequestOf<Path, Query, Body>) => {
      const input = declaration.toInput(request);
      const runAt = sendAt?.(request);
      return runCommand(context, command, input, {
        check: check && (() => check(context, input, request)),
        runAt: runAt === undefined ? undefined : sendTime(runAt, context.instance.timezone),
        options: definition.kind === "send" ? optionsOf(request.body) : undefined,
      });
    },
    toResponse: (result: unknown, request) => declaration.toResponse(result as CommandResultOf<Name>, request),
  });
  return { ...endpoint, command };
}
