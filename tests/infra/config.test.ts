import { beforeAll, describe, expect, test } from "vitest";
import sizes from "../fixtures/bundle-sizes.json" with { type: "json" };
import { type Evaluation, evaluate } from "./evaluate.ts";
import { violations } from "./rules.ts";

let development: Evaluation;
beforeAll(async () => {
  development = await evaluate();
});

test("the infrastructure follows every rule", () => {
  expect(violations(development)).toEqual([]);
});

test("the production infrastructure follows every rule and has more resources", async () => {
  const production = await evaluate({ stage: "production" });
  expect(violations(production)).toEqual([]);
  expect(production.resources.length).toBeGreaterThan(development.resources.length);
});

test("each function is bundled with the options that bundle.test.ts uses", () => {
  for (const { handler, properties } of development.bundles) {
    expect({ handler, properties }).toMatchObject({ handler, properties: { minify: true, splitting: true } });
  }
  expect(development.bundles.map(({ handler }) => handler).toSorted()).toEqual(Object.keys(sizes).toSorted());
});

test("each role has exactly the recorded permissions", async () => {
  const roles = development.resources
    .filter(({ type }) => type === "aws:iam/role:Role")
    .toSorted((a, b) => a.name.localeCompare(b.name));
  const actions = Object.fromEntries(
    roles.map(({ name, inputs }) => [
      name,
      (inputs.inlinePolicies ?? []).flatMap((one: { policy: string }) =>
        JSON.parse(one.policy).Statement.map(({ Action, Resource }: { Action: string; Resource: string[] }) => ({
          Action,
          Resource: [Resource]
            .flat()
            .map((arn) => arn.replace(/command-\d+/, "command-N").replace(/(test-\w+-)[a-z]{8}\b/, "$1…"))
            .filter((arn, at, all) => all.indexOf(arn) === at),
        })),
      ),
    ]),
  );
  await expect(`${JSON.stringify(actions, null, 2)}\n`).toMatchFileSnapshot("../fixtures/roles.json");
});

describe("a change that breaks a rule is detected:", () => {
  test.each([
    [
      "a queue loses its redrive policy",
      "infra/base/fifo-queue.ts",
      "dlq: { queue: dead.arn, retry: maxReceives(name) },",
      "",
      /has no dead-letter queue/,
    ],
    [
      "a role gains a wildcard",
      "infra/base/permission.ts",
      '"sqs:GetQueueUrl", "sqs:SendMessage"',
      '"sqs:*"',
      /may do sqs:\*/,
    ],
    [
      "a role gains access to every resource",
      "infra/base/permission.ts",
      "resources: [key.arn]",
      'resources: ["*"]',
      /everywhere/,
    ],
    [
      "a handler's export is renamed",
      "functions/webhook/index.ts",
      "export const handler",
      "export const handle",
      /exports no handler/,
    ],
    [
      "a function's timeout exceeds the limit for its queue",
      "core/queue/name.ts",
      "webhookTimeoutSeconds = 60",
      "webhookTimeoutSeconds = 90",
      /hides for 360 s/,
    ],
    [
      "the stop timeout of a host is too short",
      "infra/service/host.ts",
      "stopSeconds = 120",
      "stopSeconds = 30",
      /killed before/,
    ],
    [
      "the number of streams has no limit",
      "infra/service/stream.ts",
      "concurrency: { reserved: sizes.streams },",
      "",
      /number of streams is not bounded/,
    ],
    [
      "the bucket is made public",
      "infra/base/storage.ts",
      "enforceHttps: true",
      'access: "public", enforceHttps: true',
      /made public/,
    ],
  ])("%s", async (_what, file, from, to, violation) => {
    const found = violations(await evaluate({ change: { file, from, to } }));
    expect(found.join("\n")).toMatch(violation);
  });
});
