import { type EndpointFixture, type Request, type TestReference, testIn } from "./case.ts";

const api = testIn("api/webhook/endpoints.test.ts");
const managed = api(
  "the first endpoint is the webhook of the instance, and others are added, changed and deleted beside it",
);
const separate = api("events, status, statistics, replay and test belong to one endpoint");
const inherited = api("default endpoints serve instances without own endpoints, and follow changes");

const invalid: Request[] = [{ body: { url: "ftp://example.com" } }, { body: { url: "x", events: [] } }];

interface WebhookCase<Fixture extends EndpointFixture> {
  happy(fixture: Fixture): Request;
  answers?: unknown;
  invalid?: Request[];
  absent?: Request;
  unconnected?: number;
  keep?: [field: string, name: string];
  testedBy: TestReference;
}

/** Returns the cases of the endpoints for webhook endpoints under a path. `data` is the prefix of fields in a response. */
export function webhookCases<Fixture extends EndpointFixture>(
  base: string,
  { data, ofInstance }: { data: string; ofInstance: boolean },
): Record<string, WebhookCase<Fixture>> {
  const kept = `webhook of ${base}`;
  const params = ({ made }: Fixture) => ({ endpointId: made.get(kept) ?? "unknown" });
  const of = (body?: object) => (fixture: Fixture) => ({ params: params(fixture), ...(body && { body }) });
  const offline = (unconnected: number) => (ofInstance ? { unconnected } : {});
  const testedBy = ofInstance ? managed : inherited;
  // The endpoint is off, so that the other cases get each webhook once.
  const body = ({ gate }: Fixture) => ({ url: gate.receiver.url, enabled: false });
  const one = `${base}/{endpointId}`;
  const ownCases: Record<string, WebhookCase<Fixture>> = {
    [`POST ${one}/test`]: { happy: of(), absent: {}, testedBy: separate, unconnected: 404 },
    [`GET ${one}/status`]: { happy: of(), absent: {}, testedBy: separate, unconnected: 404 },
    [`GET ${one}/stats`]: { happy: of(), absent: {}, testedBy: separate, unconnected: 404 },
  };
  return {
    [`GET ${base}`]: { happy: () => ({}), testedBy, ...offline(200) },
    [`POST ${base}`]: {
      happy: (fixture) => ({ body: body(fixture) }),
      invalid: [{ body: {} }, ...invalid],
      keep: [`${data}id`, kept],
      testedBy,
      ...offline(201),
    },
    [`GET ${one}`]: { happy: of(), absent: {}, testedBy, ...offline(404) },
    [`PUT ${one}`]: { happy: of({ name: "Renamed" }), absent: { body: {} }, invalid, testedBy, ...offline(404) },
    [`POST ${one}/secret`]: {
      happy: of({ overlapSeconds: 0 }),
      absent: { body: {} },
      invalid: [{ body: { overlapSeconds: -1 } }],
      testedBy,
      ...offline(404),
    },
    ...(ofInstance ? ownCases : {}),
    [`DELETE ${one}`]: { happy: of(), absent: {}, testedBy, ...offline(404) },
  };
}
