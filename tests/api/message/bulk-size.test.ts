import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, startApi, type TestApi } from "../../support/api/api.ts";
import { longestBlock } from "../../support/event-loop.ts";

let api: TestApi;
let key: string;
let instanceId: string;
beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
  instanceId = await api.instance(key, "connected");
}, 60_000);
afterAll(() => api?.stop());

const phone = (index: number) => `7901${String(index).padStart(7, "0")}`;
const recipients = (count: number, variables: Record<string, string>) =>
  Array.from({ length: count }, (_, index) => ({ phone: phone(index), variables }));
const bulk = (body: object) => api.request("POST", `/api/whatsapp/${instanceId}/bulk`, { key, body });

/** Milliseconds. Machines that run several tests at once block for longer than the 20 ms of a slice. */
const tolerated = 500;

test("a bulk whose placeholders expand to gigabytes is rejected before its texts are expanded", async () => {
  const body = { message: "{{a}}".repeat(60_000), recipients: recipients(120, { a: "x".repeat(4_000) }) };
  let answer: Answer | undefined;
  const blocked = await longestBlock(async () => {
    answer = await bulk(body);
  });
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect(blocked).toBeLessThan(tolerated);
});

test("a bulk with a text over WhatsApp's limit rejects only the recipients whose text is too long", async () => {
  const [short, long] = [{ a: "x" }, { a: "x".repeat(4_000) }];
  const message = "{{a}}".repeat(100);
  const mixed = [
    { phone: phone(1), variables: short },
    { phone: phone(2), variables: long },
  ];
  const { body } = await bulk({ message, recipients: mixed });
  expect(body).toMatchObject({ accepted: 1, rejected: 1 });
  const path = `/api/whatsapp/${instanceId}/bulk/${body.bulkId}/recipients?status=rejected`;
  const { recipients: rejected } = (await api.request("GET", path, { key })).body;
  expect(rejected).toMatchObject([{ index: 1, error: { details: "message: must be at most 65536 bytes of UTF-8" } }]);
});

test("a bulk with 30 MB of texts is accepted, and other requests are served meanwhile", async () => {
  const body = { message: "{{a}}".repeat(1_000), recipients: recipients(10_000, { a: "abc" }) };
  let answer: Answer | undefined;
  const blocked = await longestBlock(async () => {
    answer = await bulk(body);
  });
  expect(answer).toMatchObject({ status: 201, body: { accepted: 10_000 } });
  expect(blocked).toBeLessThan(tolerated);
}, 60_000);

test.each([
  ["131,072 characters", { message: "x".repeat(131_073) }],
  ["1,000 placeholders", { message: "{{a}}".repeat(1_001) }],
])("a bulk whose shared text has more than %s is rejected", async (_what, body) => {
  const answer = await bulk({ ...body, recipients: recipients(1, { a: "" }) });
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
});
