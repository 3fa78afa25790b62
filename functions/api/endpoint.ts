import type * as z from "zod";
import type { Caller, Permission } from "../../core/caller.ts";
import {
  type CommandInput,
  type CommandName,
  type CommandOutput,
  commandCatalog,
} from "../../core/command/catalog/index.ts";
import type { Accepted } from "../../core/command/idempotency.ts";
import type { ErrorCode } from "../../core/error.ts";
import { type CallerContext, type Context, type InstanceContext, Pending, Raw } from "./context.ts";
import { runCommand } from "./run-command.ts";

export type Method = "get" | "post" | "put" | "delete";

/** `public`: nobody is asked who they are. `optional`: credentials need not be given, but must be valid if they are. */
export type Access = "public" | "optional" | Permission;

/** One endpoint, ready to be served: what `commandEndpoint` and its sisters make of a declaration. */
export interface Endpoint {
  readonly method: Method;
  /** With parameters as `{instanceId}`. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  /** Where the id of the instance is; null for endpoints that are not about one. */
  readonly instance: "path" | "body" | null;
  readonly command: CommandName | null;
  readonly query: z.ZodType | null;
  readonly body: z.ZodType | null;
  /** Whether the body is a form with files, `multipart/form-data`, in place of JSON. */
  readonly form: boolean;
  readonly answer: z.ZodType;
  /** Other content types that it can answer with. */
  readonly rawTypes: readonly string[];
  /** Whether `Idempotency-Key` is honoured. */
  readonly idempotent: boolean;
  readonly status: 200 | 201;
  readonly errors: readonly ErrorCode[];
  /** Whether the answer may be a `Pending`. */
  readonly mayPend: boolean;
  /** Whether it seals or opens what is kept sealed: then the vault is opened first. */
  readonly secrets: boolean;
  run(context: Partial<InstanceContext> & Context, request: RequestOf): Promise<unknown>;
}

interface RequestOf<Params = Record<string, string>, Query = unknown, Body = unknown> {
  params: Params;
  query: Query;
  body: Body;
}

type ParamsOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { [Key in Name | keyof ParamsOf<Rest>]: string }
  : Record<never, string>;

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

interface Declaration<Path extends string, Query, Body, Answer extends z.ZodType> {
  method: Method;
  path: Path;
  summary: string;
  access: Access;
  query?: Query;
  body?: Body;
  form?: boolean;
  answer: Answer;
  rawTypes?: readonly string[];
  idempotent?: boolean;
  status?: 200 | 201;
  errors?: readonly ErrorCode[];
  secrets?: boolean;
}

type Schema = z.ZodType | undefined;

/** An endpoint that reads or does something of ours. `does` is the read model or the use case; `in` and `out` are pure. */
export interface OperationDeclaration<Ctx, Path extends string, Query, Body, Answer extends z.ZodType, Input, Output>
  extends Declaration<Path, Query, Body, Answer> {
  does(context: Ctx, input: Input): Promise<Output>;
  in(request: RequestOf<ParamsOf<Path>, Parsed<Query>, Parsed<Body>>): Input;
  out(
    result: Exclude<Output, Pending | Raw>,
    request: RequestOf<ParamsOf<Path>, Parsed<Query>, Parsed<Body>>,
  ): z.input<Answer>;
  mayPend?: boolean;
}

/** An endpoint that needs no instance; with `public` or `optional` access there may be no caller. */
export function publicEndpoint<
  const Path extends string,
  Answer extends z.ZodType,
  Input,
  Output,
  Query extends Schema = undefined,
  Body extends Schema = undefined,
>(endpoint: OperationDeclaration<Context & { caller?: Caller }, Path, Query, Body, Answer, Input, Output>): Endpoint {
  return operation(endpoint, null);
}

/** An endpoint for whoever has credentials. */
export function callerEndpoint<
  const Path extends string,
  Answer extends z.ZodType,
  Input,
  Output,
  Query extends Schema = undefined,
  Body extends Schema = undefined,
>(
  endpoint: OperationDeclaration<CallerContext, Path, Query, Body, Answer, Input, Output> & { access: Permission },
): Endpoint {
  return operation(endpoint, null);
}

/** An endpoint about one instance of the caller's, named by `{instanceId}` in its path. */
export function instanceEndpoint<
  const Path extends `${string}{instanceId}${string}`,
  Answer extends z.ZodType,
  Input,
  Output,
  Query extends Schema = undefined,
  Body extends Schema = undefined,
>(
  endpoint: OperationDeclaration<InstanceContext, Path, Query, Body, Answer, Input, Output> & { access: Permission },
): Endpoint {
  return operation(endpoint, "path");
}

/** An endpoint about one instance of the caller's, named by `instanceId` in its body. */
export function bodyInstanceEndpoint<
  const Path extends string,
  Answer extends z.ZodType,
  Input,
  Output,
  Query extends Schema = undefined,
  Body extends Schema = undefined,
>(
  endpoint: OperationDeclaration<InstanceContext, Path, Query, Body, Answer, Input, Output> & { access: Permission },
): Endpoint {
  return operation(endpoint, "body");
}

/** What a command endpoint answers from; `scheduledAt` only of a send for later. */
type CommandResultOf<Name extends CommandName> = CommandOutput<Name> &
  Pick<Accepted, "commandId"> & { scheduledAt?: string };

/**
 * An endpoint that is a command. A send answers once it is accepted; anything else with its result, or with `Pending`.
 * The instance is named by the path or, where that has no `{instanceId}`, by the body.
 */
export function commandEndpoint<
  Name extends CommandName,
  const Path extends string,
  Answer extends z.ZodType,
  Query extends Schema = undefined,
  Body extends Schema = undefined,
>(
  endpoint: Declaration<Path, Query, Body, Answer> & {
    access: Permission;
    command: Name;
    /** What must hold besides, before the command is accepted. Throws what the caller is told. */
    check?(
      context: InstanceContext,
      input: CommandInput<Name>,
      request: RequestOf<ParamsOf<Path>, Parsed<Query>, Parsed<Body>>,
    ): Promise<void>;
    in(request: RequestOf<ParamsOf<Path>, Parsed<Query>, Parsed<Body>>): CommandInput<Name>;
    /** Of a send: when the caller wants it to go out, as ISO 8601; undefined means now. */
    sendAt?(request: RequestOf<ParamsOf<Path>, Parsed<Query>, Parsed<Body>>): string | undefined;
    out(
      result: CommandResultOf<Name>,
      request: RequestOf<ParamsOf<Path>, Parsed<Query>, Parsed<Body>>,
    ): z.input<Answer>;
  },
): Endpoint {
  const { command, check, sendAt, ...rest } = endpoint;
  const definition = commandCatalog[command];
  const offline: ErrorCode[] = definition.offline ? [] : ["instance_not_connected"];
  return {
    ...operation(
      {
        ...rest,
        errors: [...(endpoint.errors ?? []), ...definition.errors, ...offline, "idempotency_conflict"],
        mayPend: definition.kind !== "send",
        secrets: definition.secret,
        idempotent: true,
        in: (request) => ({ input: endpoint.in(request), at: sendAt?.(request), request }),
        does: (
          context: InstanceContext,
          {
            input,
            at,
            request,
          }: {
            input: CommandInput<Name>;
            at: string | undefined;
            request: RequestOf<ParamsOf<Path>, Parsed<Query>, Parsed<Body>>;
          },
        ) =>
          runCommand(context, command, input, {
            check: check && (() => check(context, input, request)),
            runAt: at === undefined ? undefined : new Date(at),
          }),
        out: (result: unknown, request) => endpoint.out(result as CommandResultOf<Name>, request),
      },
      endpoint.path.includes("{instanceId}") ? "path" : "body",
    ),
    command,
  };
}

function operation<Ctx, Path extends string, Query, Body, Answer extends z.ZodType, Input, Output>(
  endpoint: OperationDeclaration<Ctx, Path, Query, Body, Answer, Input, Output>,
  instance: Endpoint["instance"],
): Endpoint {
  return {
    method: endpoint.method,
    path: endpoint.path,
    summary: endpoint.summary,
    access: endpoint.access,
    instance,
    command: null,
    query: (endpoint.query as z.ZodType | undefined) ?? null,
    body: (endpoint.body as z.ZodType | undefined) ?? null,
    form: endpoint.form ?? false,
    answer: endpoint.answer,
    rawTypes: endpoint.rawTypes ?? [],
    idempotent: endpoint.idempotent ?? false,
    status: endpoint.status ?? 200,
    errors: endpoint.errors ?? [],
    mayPend: endpoint.mayPend ?? false,
    secrets: endpoint.secrets ?? false,
    async run(context, request) {
      // The engine has parsed the request by the endpoint's own schemas and has put into the context what its access asks for.
      const typed = request as RequestOf<ParamsOf<Path>, Parsed<Query>, Parsed<Body>>;
      const result = await endpoint.does(context as Ctx, endpoint.in(typed));
      if (result instanceof Pending || result instanceof Raw) return result;
      return endpoint.out(result as Exclude<Output, Pending | Raw>, typed);
    },
  };
}
