import { commandCatalog } from "../../../core/command/catalog/index.ts";
import type { Endpoint } from "../../../functions/api/engine/endpoint.ts";
import type { Answer, TestGateway } from "../gateway/test-gateway.ts";
import type { Feature } from "./simulator-features.ts";

/** What the cases of both dialects need to make requests. */
export interface EndpointFixture {
  gate: TestGateway;
  /** A connected instance. */
  connected: string;
  /** An instance that was never linked. */
  unlinked: string;
  /** A user without instances. */
  user: { key: string };
  /** Ids that earlier requests returned, by the name in `keep`. */
  made: Map<string, string>;
}

export interface Request {
  /** Values of the path's parameters other than `instanceId`. */
  params?: Record<string, string>;
  query?: string;
  body?: unknown;
  /** The API key. The default is the key of the first admin. Null sends no key. */
  key?: string | null;
  headers?: Record<string, string>;
}

/** The file and the name of a test that checks the effect of an endpoint, on a phone if the endpoint affects one. */
export type TestReference = readonly [file: string, name: string];

export const testIn =
  (file: string) =>
  (name: string): TestReference => [`tests/${file}`, name];

export interface Case<Fixture extends EndpointFixture> {
  /** A valid request. It is sent for the connected instance, or for the instance that `on` creates. */
  happy(fixture: Fixture): Request | Promise<Request>;
  /** Creates an instance for a request that ends its connection. */
  on?(fixture: Fixture): Promise<string>;
  /** Values in the response to the valid request, in addition to the response's schema. */
  answers?: unknown;
  /**
   * The status of the response if WhatsApp or this server does not support the endpoint, or if the request needs a state
   * that only `testedBy` sets up.
   */
  refused?: number;
  /** Checks the effect of the valid request on a phone or on the webhook receiver. */
  effect?(fixture: Fixture, answer: Answer): Promise<unknown>;
  /** Requests that are rejected with 400. */
  invalid?: Request[];
  /** A request that is rejected with 404, because its path names something that does not exist. */
  absent?: Request;
  /**
   * The status of the response while the instance is not connected. The default is 409 for a command that needs the
   * connection.
   */
  unconnected?: number;
  /** A request to send while the instance is not connected, if the valid request would be rejected for another reason. */
  whileUnconnected?(fixture: Fixture): Request;
  /** Stores this field of the response in the fixture's `made` under this name. */
  keep?: [field: string, name: string];
  /** The part of the simulated WhatsApp that the endpoint needs. */
  simulator?: Feature;
  /** The test that checks the effect, unless `effect` does. */
  testedBy?: TestReference;
}

export const nameOf = (endpoint: Endpoint) => `${endpoint.method.toUpperCase()} ${endpoint.path}`;

/** Returns the status of the response while the instance is not connected, or undefined if the case has no such status. */
export const unconnectedOf = (
  endpoint: Endpoint,
  one: Pick<Case<EndpointFixture>, "unconnected" | "on">,
): number | undefined =>
  one.unconnected ?? (endpoint.command && !commandCatalog[endpoint.command].offline && !one.on ? 409 : undefined);

/** Opens a stream and reads its first part. The response to an error is JSON. */
async function askForStream(gate: TestGateway, path: string, { headers, key }: Request): Promise<Answer> {
  const credentials = key === null ? {} : { "x-api-key": key ?? gate.gateway.firstAdmin?.apiKey.key ?? "" };
  const response = await fetch(new URL(path, gate.gateway.url), { headers: { ...credentials, ...headers } });
  if (response.status !== 200)
    return { status: response.status, headers: response.headers, body: await response.json() };
  const reader = response.body?.getReader();
  const first = new TextDecoder().decode((await reader?.read())?.value);
  await reader?.cancel();
  if (!first.startsWith("retry:")) throw new Error(`the stream begins with ${first}`);
  return { status: 200, headers: response.headers, body: {} };
}

export function ask(gate: TestGateway, endpoint: Endpoint, instance: string, request: Request): Promise<Answer> {
  const params: Record<string, string> = { instanceId: instance, ...request.params };
  const path = endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? "x"));
  const { headers, key } = request;
  const inBody = endpoint.instance === "body" ? { instanceId: instance } : undefined;
  const body = inBody ? { ...(request.body as object), ...inBody } : request.body;
  if (endpoint.rawTypes.includes("text/event-stream"))
    return askForStream(gate, request.query ? `${path}?${request.query}` : path, request);
  return gate.api(endpoint.method.toUpperCase(), request.query ? `${path}?${request.query}` : path, {
    ...(body === undefined ? {} : { body }),
    ...(headers ? { headers } : {}),
    ...(key === undefined ? {} : { key }),
  });
}

const type = (value: unknown) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

/** Returns the fields of the documented body that the actual one lacks or has with another type. */
export function missing(documented: unknown, actual: unknown, path = ""): string[] {
  // A documented text may be null, such as the name of a contact without one.
  if (actual === null && type(documented) === "string") return [];
  if (type(documented) !== type(actual)) return [`${path}: ${type(actual)}, not ${type(documented)}`];
  if (Array.isArray(documented)) {
    const first = (actual as unknown[])[0];
    return first === undefined ? [] : missing(documented[0], first, `${path}[]`);
  }
  if (type(documented) !== "object") return [];
  return Object.entries(documented as object).flatMap(([name, value]) =>
    missing(value, (actual as Record<string, unknown>)[name], `${path}.${name}`),
  );
}
