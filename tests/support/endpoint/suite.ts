import { describe, expect, test } from "vitest";
import type { LoadedDialect } from "../../../functions/api/engine/dialect.ts";
import { type Endpoint, isOpen } from "../../../functions/api/engine/endpoint.ts";
import { expectNoComplaints } from "../gateway/complaints.ts";
import { ask, type Case, type EndpointFixture, missing, nameOf, type Request, unconnectedOf } from "./case.ts";

const named = (some: readonly Endpoint[]) => some.map((endpoint) => [nameOf(endpoint), endpoint] as const);
const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce((inner, field) => (inner as Record<string, unknown> | undefined)?.[field], value);

export interface EndpointSuite<Fixture extends EndpointFixture> {
  dialect: LoadedDialect;
  cases: Record<string, Case<Fixture>>;
  fixture: () => Fixture;
  /** The documented responses, by endpoint. */
  documented: ReadonlyMap<string, unknown>;
  /** The position of a valid request. Requests with the same position are sent in the order of the endpoints. */
  place(endpoint: Endpoint): number;
  /** The field of an error that has the status of the instance. */
  statusField: string;
}

/** Tests five cases for each endpoint: valid, invalid, without credentials, another user's instance, not connected. */
export function testEndpoints<Fixture extends EndpointFixture>(suite: EndpointSuite<Fixture>): void {
  const { dialect, cases, fixture, documented, place, statusField } = suite;
  const { endpoints } = dialect;
  const caseOf = (endpoint: Endpoint): Case<Fixture> => cases[nameOf(endpoint)] ?? { happy: () => ({}) };
  const send = (endpoint: Endpoint, instance: string, request: Request) =>
    ask(fixture().gate, endpoint, instance, request);
  /** A request that is valid except for the instance. A body that names the instance is validated before its owner is checked. */
  const unhappy = async (endpoint: Endpoint): Promise<Request> => {
    const { happy, whileUnconnected = happy } = caseOf(endpoint);
    return await whileUnconnected(fixture());
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

    test("each endpoint of an instance declares its response while the instance is not connected", () => {
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
        const { status, body } = await send(endpoint, fixture().connected, request);
        expect({ request, status, code: body.code }).toMatchObject({ status: 400, code: "invalid_request" });
      }
    });
  });

  describe("responds with 404 if the path names something that does not exist", () => {
    test.each(named(endpoints.filter((endpoint) => caseOf(endpoint).absent)))("%s", async (_name, endpoint) => {
      const { status, body } = await send(endpoint, fixture().connected, caseOf(endpoint).absent ?? {});
      expect({ status, code: body.code }).toEqual({ status: 404, code: expect.stringMatching(/_not_found$/) });
    });
  });

  describe("rejects a request without credentials with 401", () => {
    const closed = endpoints.filter((endpoint) => !isOpen(endpoint.access));
    test.each(named(closed))("%s", async (_name, endpoint) => {
      const { status, body } = await send(endpoint, fixture().connected, { key: null });
      expect({ status, code: body.code }).toEqual({ status: 401, code: "missing_credentials" });
    });
  });

  describe("rejects another user's instance, or an action of admins, with 403", () => {
    test.each(named(endpoints.filter((endpoint) => endpoint.instance || endpoint.access === "admin")))(
      "%s",
      async (_name, endpoint) => {
        const request = endpoint.instance === "body" ? await unhappy(endpoint) : {};
        const { status, body } = await send(endpoint, fixture().connected, { ...request, key: fixture().user.key });
        expect({ status, code: body.code }).toEqual({ status: 403, code: "forbidden" });
      },
    );
  });

  describe("responds as declared while the instance is not connected", () => {
    const some = endpoints.filter(
      (endpoint) => endpoint.instance && unconnectedOf(endpoint, caseOf(endpoint)) !== undefined,
    );
    test.each(named(some))("%s", async (_name, endpoint) => {
      const { status, body } = await send(endpoint, fixture().unlinked, await unhappy(endpoint));
      expect({ status, body }).toMatchObject({ status: unconnectedOf(endpoint, caseOf(endpoint)) });
      if (status === 409) expect(body).toMatchObject({ code: "instance_not_connected", [statusField]: "qr" });
    });
  });

  describe("responds to a valid request as documented", () => {
    const sorted = endpoints.toSorted((a, b) => place(a) - place(b));
    test.each(named(sorted))("%s", async (name, endpoint) => {
      const { on, happy, keep, answers, effect, refused } = caseOf(endpoint);
      const instance = on ? await on(fixture()) : fixture().connected;
      const answer = await send(endpoint, instance, await happy(fixture()));
      expect({ status: answer.status, body: answer.body }).toMatchObject({ status: refused ?? endpoint.status });
      if (refused === undefined) {
        expect(endpoint.response.parse(answer.body)).toEqual(answer.body);
        expect(missing(documented.get(name) ?? {}, answer.body)).toEqual([]);
      }
      if (answers) expect(answer.body).toMatchObject(answers as object);
      if (keep) fixture().made.set(keep[1], at(answer.body, keep[0]) as string);
      await effect?.(fixture(), answer);
    });
  });

  test("WhatsApp and the phones report no error", () => {
    expectNoComplaints(fixture().gate.wa);
  });
}
