import type * as z from "zod";
import type { Caller, Permission } from "../../../core/caller.ts";
import type { CommandName } from "../../../core/command/catalog/index.ts";
import type { ErrorCode } from "../../../core/error.ts";
import type { Scope } from "../../../core/scope.ts";
import { type CallerContext, type Context, type InstanceContext, Pending, RawResponse } from "./context.ts";

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

export type Schema = z.ZodType | undefined;
type Parsed<Type> = Type extends z.ZodType ? z.output<Type> : undefined;
/** A request to an endpoint, typed by its path and schemas. */
export type RequestOf<Path extends string, Query, Body> = ParsedRequest<ParamsOf<Path>, Parsed<Query>, Parsed<Body>>;

/** What every endpoint declares. */
export interface Declaration<Path extends string, Query, Body, ResponseShape extends z.ZodType> {
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
