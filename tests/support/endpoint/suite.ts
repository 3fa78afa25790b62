import { describe, expect, test } from "vitest";
import { commandCatalog } from "../../../core/command/catalog/index.ts";
import type { Table } from "../../../functions/api/engine/dialect.ts";
import type { Endpoint } from "../../../functions/api/engine/endpoint.ts";
import { expectNoComplaints } from "../gateway/complaints.ts";
import type { Answer, TestGateway } from "../gateway/test-gateway.ts";
import type { Feature } from "./simulator-features.ts";

/** What the requests of either dialect are made of. */
export interface Basics {
  gate: TestGateway;
  /** An instance that is connected, and one that nobody has linked. */
  connected: string;
  unlinked: string;
  /** A user with a key of theirs, and without instances. */
  user: { key: string };
  /** Ids of what earlier requests have made. */
  made: Map<string, string>;
}

export interface Request {
  /** In place of the path's parameters, besides `instanceId`. */
  params?: Record<string, string>;
  query?: string;
  body?: unknown;
  /** As whom; the first admin unless said otherwise. */
  key?: string | null;
  headers?: Record<string, string>;
}

/** A test that shows what an endpoint does, at a phone where there is something to see: its file and its name. */
export type TestReference = readonly [file: string, name: string];

export const testIn =
  (file: string) =>
  (name: string): TestReference => [`tests/${file}`, name];

export interface Case<World extends Basics> {
  /** Answers with the endpoint's status. The instance is the connected one, or what `on` makes. */
  happy(world: World): Request | Promise<Request>;
  /** Makes an instance for a request that ends it. */
  on?(world: World): Promise<string>;
  /** What the happy answer shows besides its shape. */
  answers?: unknown;
  /** Of what WhatsApp or this server cannot do: the status with which it says so, in place of the endpoint's. */
  refused?: number;
  /** What the happy request has done at a phone. */
  effect?(world: World, answer: Answer): Promise<unknown>;
  /** Each is refused with 400. */
  invalid?: Request[];
  /** Is refused with 404: the path names what is not there. */
  absent?: Request;
  /**
   * What it answers for an instance that is not connected: 409, or the status of a happy answer, or another reason. 409
   * unless said otherwise where it is a command that needs the connection.
   */
  unconnected?: number;
  /** In place of the happy request, where that would be refused for another reason. */
  whileUnconnected?(world: World): Request;
  /** Keeps the id that the happy request has made. */
  keep?: [field: string, name: string];
  /** What of the simulated WhatsApp does its part. */
  simulator?: Feature;
  /** Where its effect is looked at, unless `effect` looks at it. */
  testedBy?: TestReference;
}

export const nameOf = (endpoint: Endpoint) => `${endpoint.method.toUpperCase()} ${endpoint.path}`;

/** Whether it needs the connection: then it says so when there is none. */
export const unconnectedOf = (endpoint: Endpoint, one: Pick<Case<Basics>, "unconnected" | "on">): number | undefined =>
  one.unconnected ?? (endpoint.command && !commandCatalog[endpoint.command].offline && !one.on ? 409 : undefined);

export function ask(gate: TestGateway, endpoint: Endpoint, instance: string, request: Request): Promise<Answer> {
  const params: Record<string, string> = { instanceId: instance, ...request.params };
  const path = endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? "x"));
  const { headers, key } = request;
  const inBody = endpoint.instance === "body" ? { instanceId: instance } : undefined;
  const body = inBody ? { ...(request.body as object), ...inBody } : request.body;
  return gate.api(endpoint.method.toUpperCase(), request.query ? `${path}?${request.query}` : path, {
    ...(body === undefined ? {} : { body }),
    ...(headers ? { headers } : {}),
    ...(key === undefined ? {} : { key }),
  });
}

const type = (value: unknown) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

/** What the document shows and the answer has not, or has as another type. */
export function missing(shown: unknown, answered: unknown, path = ""): string[] {
  // Where the document shows a text, ours may have none: the name of somebody who has told none.
  if (answered === null && type(shown) === "string") return [];
  if (type(shown) !== type(answered)) return [`${path}: ${type(answered)}, not ${type(shown)}`];
  if (Array.isArray(shown)) {
    const first = (answered as unknown[])[0];
    return first === undefined ? [] : missing(shown[0], first, `${path}[]`);
  }
  if (type(shown) !== "object") return [];
  return Object.entries(shown as object).flatMap(([name, value]) =>
    missing(value, (answered as Record<string, unknown>)[name], `${path}.${name}`),
  );
}

const named = (some: readonly Endpoint[]) => some.map((endpoint) => [nameOf(endpoint), endpoint] as const);
const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce((inner, field) => (inner as Record<string, unknown> | undefined)?.[field], value);

export interface Frame<World extends Basics> {
  dialect: Table;
  cases: Record<string, Case<World>>;
  world: () => World;
  /** The bodies that the document shows as answers. */
  documented: ReadonlyMap<string, unknown>;
  /** In which order the happy requests are made, and after those of the same place as the endpoints stand. */
  place(endpoint: Endpoint): number;
  /** The field in which an error tells the status of the instance. */
  statusField: string;
}

/** Five cases for every endpoint of a dialect: happy, invalid, without credentials, somebody else's, not connected. */
export function testEndpoints<World extends Basics>(frame: Frame<World>): void {
  const { dialect, cases, world, documented, place, statusField } = frame;
  const { endpoints } = dialect;
  const caseOf = (endpoint: Endpoint): Case<World> => cases[nameOf(endpoint)] ?? { happy: () => ({}) };
  const asked = (endpoint: Endpoint, instance: string, request: Request) =>
    ask(world().gate, endpoint, instance, request);
  /** A body that names the instance is read before anybody knows whose it is. */
  const unhappy = async (endpoint: Endpoint): Promise<Request> => {
    const { happy, whileUnconnected = happy } = caseOf(endpoint);
    return await whileUnconnected(world());
  };

  describe("cases", () => {
    test("there is exactly one case for each endpoint", () => {
      expect(Object.keys(cases).toSorted()).toEqual(endpoints.map(nameOf).toSorted());
    });

    test("each endpoint with input has a rejected request", () => {
      const withInput = endpoints.filter(
        (endpoint) => endpoint.body || endpoint.query || /\{(?!instanceId)/.test(endpoint.path),
      );
      const unchecked = withInput.filter((endpoint) => !caseOf(endpoint).invalid?.length && !caseOf(endpoint).absent);
      expect(unchecked.map(nameOf)).toEqual([]);
    });

    test("each endpoint of an instance has an answer while the instance is not connected", () => {
      const unanswered = endpoints.filter(
        (endpoint) =>
          endpoint.instance && !caseOf(endpoint).on && unconnectedOf(endpoint, caseOf(endpoint)) === undefined,
      );
      expect(unanswered.map(nameOf)).toEqual([]);
    });
  });

  describe("rejects an invalid request with 400", () => {
    test.each(named(endpoints.filter((endpoint) => caseOf(endpoint).invalid)))("%s", async (_name, endpoint) => {
      for (const request of caseOf(endpoint).invalid ?? []) {
        const { status, body } = await asked(endpoint, world().connected, request);
        expect({ request, status, code: body.code }).toMatchObject({ status: 400, code: "invalid_request" });
      }
    });
  });

  describe("answers 404 for something that does not exist", () => {
    test.each(named(endpoints.filter((endpoint) => caseOf(endpoint).absent)))("%s", async (_name, endpoint) => {
      const { status, body } = await asked(endpoint, world().connected, caseOf(endpoint).absent ?? {});
      expect({ status, code: body.code }).toEqual({ status: 404, code: expect.stringMatching(/_not_found$/) });
    });
  });

  describe("rejects a request without credentials with 401", () => {
    const closed = endpoints.filter((endpoint) => endpoint.access !== "public" && endpoint.access !== "optional");
    test.each(named(closed))("%s", async (_name, endpoint) => {
      const { status, body } = await asked(endpoint, world().connected, { key: null });
      expect({ status, code: body.code }).toEqual({ status: 401, code: "missing_credentials" });
    });
  });

  describe("rejects another user's instance, or an action of admins, with 403", () => {
    test.each(named(endpoints.filter((endpoint) => endpoint.instance || endpoint.access === "admin")))(
      "%s",
      async (_name, endpoint) => {
        const request = endpoint.instance === "body" ? await unhappy(endpoint) : {};
        const { status, body } = await asked(endpoint, world().connected, { ...request, key: world().user.key });
        expect({ status, code: body.code }).toEqual({ status: 403, code: "forbidden" });
      },
    );
  });

  describe("answers as declared while the instance is not connected", () => {
    const some = endpoints.filter(
      (endpoint) => endpoint.instance && unconnectedOf(endpoint, caseOf(endpoint)) !== undefined,
    );
    test.each(named(some))("%s", async (_name, endpoint) => {
      const { status, body } = await asked(endpoint, world().unlinked, await unhappy(endpoint));
      expect({ status, body }).toMatchObject({ status: unconnectedOf(endpoint, caseOf(endpoint)) });
      if (status === 409) expect(body).toMatchObject({ code: "instance_not_connected", [statusField]: "qr" });
    });
  });

  describe("answers a valid request as documented", () => {
    const sorted = endpoints.toSorted((a, b) => place(a) - place(b));
    test.each(named(sorted))("%s", async (name, endpoint) => {
      const { on, happy, keep, answers, effect, refused } = caseOf(endpoint);
      const instance = on ? await on(world()) : world().connected;
      const answer = await asked(endpoint, instance, await happy(world()));
      expect({ status: answer.status, body: answer.body }).toMatchObject({ status: refused ?? endpoint.status });
      if (refused === undefined) {
        expect(endpoint.answer.parse(answer.body)).toEqual(answer.body);
        expect(missing(documented.get(name) ?? {}, answer.body)).toEqual([]);
      }
      if (answers) expect(answer.body).toMatchObject(answers as object);
      if (keep) world().made.set(keep[1], at(answer.body, keep[0]) as string);
      await effect?.(world(), answer);
    });
  });

  test("WhatsApp and the phones report no error", () => {
    expectNoComplaints(world().gate.wa);
  });
}
