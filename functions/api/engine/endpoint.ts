import type * as z from "zod";
import type { Caller, Permission } from "../../../core/caller.ts";
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
import type { Scope } from "../../../core/scope.ts";
import { type CallerContext, type Context, type InstanceContext, Pending, RawResponse } from "./context.ts";
import { runCommand } from "./run-command.ts";

type Method = "get" | "post" | "put" | "delete";

/**
 * The access of endpoints that anyone may call. `optional`: credentials must be valid if the request has any. `recognized`:
 * credentials that are not valid count as none.
 */
export const openAccess = ["public", "optional", "recognized"] as const;
type OpenAccess = (typeof openAccess)[number];

/** Who may call an endpoint. */
export type Access = OpenAccess | Permission;

export const isOpen = (access: Access): access is OpenAccess => openAccess.some((open) => open === access);

/** `any`: the operation itself checks the scope, because it depends on what the request names. */
export type EndpointScope = Scope | "any";

/** What an endpoint for callers must declare in addition. */
interface Scoped {
  /** The scope that a key with scopes needs. */
  scope: EndpointScope;
}

/** An API endpoint. The constructors below create it from a declaration. */
export interface Endpoint {
  readonly method: Method;
  /** With parameters as `{instanceId}`. */
  readonly path: string;
  readonly summary: string;
  /** More about the endpoint, for the API description. */
  readonly description: string | null;
  readonly access: Access;
  /** The scope that a key with scopes needs. Null for endpoints that anyone can call. */
  readonly scope: EndpointScope | null;
  /** Whether a key that is limited to instances can call the endpoint. */
  readonly limitable: boolean;
  /** Where the request names the instance; null for endpoints that are not about one instance. */
  readonly instance: "path" | "body" | null;
  /** The command that the endpoint runs, if it runs one. */
  readonly command: CommandName | null;
  readonly query: z.ZodType | null;
  readonly body: z.ZodType | null;
  /** Whether the body is `multipart/form-data` instead of JSON. */
  readonly form: boolean;
  /** The schema of a JSON response. */
  readonly response: z.ZodType;
  /** Content types of the response other than JSON. */
  readonly rawTypes: readonly string[];
  /** Whether the endpoint honors `Idempotency-Key`. */
  readonly idempotent: boolean;
  /** The HTTP status of a successful response. */
  readonly status: 200 | 201;
  /** The errors of the operation itself. The API description adds those of the engine. */
  readonly errors: readonly ErrorCode[];
  /** Whether the endpoint can respond with 202, while its command still runs. */
  readonly mayPend: boolean;
  /** Whether the endpoint encrypts or decrypts stored secrets. If so, the engine opens the vault first. */
  readonly secrets: boolean;
  run(context: Partial<InstanceContext> & Context, request: ParsedRequest): Promise<unknown>;
}

/** A request whose query and body match the endpoint's schemas. */
interface ParsedRequest<Params = Record<string, string>, Query = unknown, Body = unknown> {
  params: Params;
  query: Query;
  body: Body;
}

type ParamsOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { [Key in Name | keyof ParamsOf<Rest>]: string }
  : Record<never, string>;

type Schema = z.ZodType | undefined;
type Parsed<Type> = Type extends z.ZodType ? z.output<Type> : undefined;
type RequestOf<Path extends string, Query, Body> = ParsedRequest<ParamsOf<Path>, Parsed<Query>, Parsed<Body>>;

interface Declaration<Path extends string, Query, Body, ResponseShape extends z.ZodType> {
  method: Method;
  path: Path;
  description?: string;
  access: Access;
  scope?: EndpointScope;
  query?: Query;
  body?: Body;
  form?: boolean;
  response: ResponseShape;
  rawTypes?: readonly string[];
  idempotent?: boolean;
  status?: 200 | 201;
  errors?: readonly ErrorCode[];
  secrets?: boolean;
}

/** Declares an endpoint that calls an operation of the gateway. */
interface OperationDeclaration<Ctx, Path extends string, Query, Body, ResponseShape extends z.ZodType, Input, Output>
  extends Declaration<Path, Query, Body, ResponseShape> {
  summary: string;
  operation(context: Ctx, input: Input): Promise<Output>;
  /** Maps a request to the input of the operation. Pure. */
  toInput(request: RequestOf<Path, Query, Body>): Input;
  /** Maps the result of the operation to the response body. Pure. */
  toResponse(
    result: Exclude<Output, Pending | RawResponse>,
    request: RequestOf<Path, Query, Body>,
  ): z.input<ResponseShape>;
  mayPend?: boolean;
  /**
   * For endpoints that are not about one instance: whether the operation uses only the instances that the caller's key
   * allows. Otherwise, the engine refuses keys that are limited to instances.
   */
  limitable?: boolean;
}

/**
 * Returns a constructor of endpoints whose operation gets the context `Ctx`. `Allowed` limits the access that they can declare, and
 * `Needed` is what they must declare.
 */
const endpointOf =
  <Ctx, Allowed extends Access, Needed>() =>
  <
    const Path extends string,
    ResponseShape extends z.ZodType,
    Input,
    Output,
    Query extends Schema = undefined,
    Body extends Schema = undefined,
  >(
    declaration: OperationDeclaration<Ctx, Path, Query, Body, ResponseShape, Input, Output> & {
      access: Allowed;
    } & Needed,
    instance: Endpoint["instance"] = null,
  ): Endpoint => ({
    method: declaration.method,
    path: declaration.path,
    summary: declaration.summary,
    description: declaration.description ?? null,
    access: declaration.access,
    scope: declaration.scope ?? null,
    limitable: instance !== null || (declaration.limitable ?? false),
    instance,
    command: null,
    query: declaration.query ?? null,
    body: declaration.body ?? null,
    form: declaration.form ?? false,
    response: declaration.response,
    rawTypes: declaration.rawTypes ?? [],
    idempotent: declaration.idempotent ?? false,
    status: declaration.status ?? 200,
    errors: declaration.errors ?? [],
    mayPend: declaration.mayPend ?? false,
    secrets: declaration.secrets ?? false,
    async run(context, request) {
      // These casts are safe, because the engine parses the request with the endpoint's schemas and builds the context
      // for its access.
      const typed = request as RequestOf<Path, Query, Body>;
      const result = await declaration.operation(context as Ctx, declaration.toInput(typed));
      if (result instanceof Pending || result instanceof RawResponse) return result;
      return declaration.toResponse(result as Exclude<Output, Pending | RawResponse>, typed);
    },
  });

/**
 * An endpoint that anyone can call. With `optional` and `recognized` access, its context has the caller if the request has
 * credentials.
 */
export const publicEndpoint = endpointOf<Context & { caller?: Caller }, OpenAccess, unknown>();

/** An endpoint for callers with valid credentials. */
export const callerEndpoint = endpointOf<CallerContext, Permission, Scoped>();

const anyInstanceEndpoint = endpointOf<InstanceContext, Permission, Scoped>();

/** An endpoint about one of the caller's instances, named by `{instanceId}` in its path or by `instanceId` in its body. */
export const instanceEndpoint: typeof anyInstanceEndpoint = (declaration) =>
  anyInstanceEndpoint(declaration, declaration.path.includes("{instanceId}") ? "path" : "body");

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
    errors: [...(declaration.errors ?? []), ...definition.errors, ...offline, ...limited, "idempotency_conflict"],
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
