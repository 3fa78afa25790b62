import { execFile as execFileBack } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { multiInstance } from "../../functions/api/dialects/multi-instance/index.ts";
import type { Row } from "../../functions/api/row.ts";
import { type Answer, startTestGateway, type TestGateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";
import { type Case, cases, type Request, type World } from "./endpoint-cases.ts";

const execFile = promisify(execFileBack);
let gate: TestGateway;
let world: World;

beforeAll(async () => {
  gate = await startTestGateway();
  const owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  const bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  const admin = gate.gateway.firstAdmin;
  const [connected, unlinked] = [await gate.linked(owner), await gate.createInstance()];
  const received = (await bob.sendText(owner.number, "Hi! How are you?")).id;
  const withFile = (await bob.sendImage(owner.number, Buffer.from("no picture, but a file"))).id;
  const body = { phone: bob.number, message: "Hi! I'm doing well." };
  const sent = (await gate.api("POST", `/api/whatsapp/${connected}/send`, { body })).body.id as string;
  const password = "correct horse battery staple";
  const user = (await gate.api("POST", "/api/users", { body: { email: "ann@example.com", password } })).body;
  await until(async () => {
    const [row] = await gate.db.sql`select count(*)::int as n from messages
      where (wa_id = ${withFile} and media->>'state' = 'stored') or (wa_id = ${sent} and status = 'delivered')
        or wa_id = ${received}`;
    return row?.n === 3 || undefined;
  });
  await gate.qr(unlinked);
  world = {
    ...{ gate, owner, bob, connected, unlinked, received, sent, withFile },
    user: { id: user.id, email: "ann@example.com", password, key: user.apiKey, keyId: "" },
    adminEmail: admin?.user.email ?? "",
    adminPassword: admin?.generatedPassword ?? "",
    made: new Map(),
  };
});
afterAll(async () => {
  await gate.stop();
});

const nameOf = (row: Row) => `${row.method.toUpperCase()} ${row.path}`;
const named = (some: readonly Row[]) => some.map((row) => [nameOf(row), row] as const);
const caseOf = (row: Row): Case => cases[nameOf(row)] ?? { happy: () => ({}) };
const rows = multiInstance.rows;
const ofInstances = rows.filter((row) => row.instance === "path");

/** The bodies that the document shows as answers. */
const documented = new Map(
  (
    JSON.parse(readFileSync("tests/fixtures/documents/multi-instance.json", "utf8")) as {
      endpoint: string;
      kind: string;
      body: unknown;
    }[]
  )
    .filter(({ kind }) => kind === "response")
    .map(({ endpoint, body }) => [endpoint, body]),
);

function ask(row: Row, instance: string, request: Request): Promise<Answer> {
  const params: Record<string, string> = { instanceId: instance, ...request.params };
  const path = row.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? "x"));
  const { body, headers, key } = request;
  return gate.api(row.method.toUpperCase(), request.query ? `${path}?${request.query}` : path, {
    ...(body === undefined ? {} : { body }),
    ...(headers ? { headers } : {}),
    ...(key === undefined ? {} : { key }),
  });
}

const type = (value: unknown) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

/** What the document shows and the answer has not, or has as another type. */
function missing(shown: unknown, answered: unknown, path = ""): string[] {
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

test("there is a case for every endpoint, and for none besides", () => {
  expect(Object.keys(cases).toSorted()).toEqual(rows.map(nameOf).toSorted());
});

describe("an invalid request is 400", () => {
  const some = rows.filter((row) => caseOf(row).invalid);
  test.each(named(some))("%s", async (_name, row) => {
    for (const request of caseOf(row).invalid ?? []) {
      const { status, body } = await ask(row, world.connected, request);
      expect({ request, status, code: body.code }).toMatchObject({ status: 400, code: "invalid_request" });
    }
  });
});

describe("without credentials it is 401", () => {
  test.each(named(rows.filter((row) => row.access !== "public")))("%s", async (_name, row) => {
    const { status, body } = await ask(row, world.connected, { key: null, params: { chatId: "1", messageId: "x" } });
    expect({ status, code: body.code }).toEqual({ status: 401, code: "missing_credentials" });
  });
});

describe("what is somebody else's, or an admin's, is 403", () => {
  test.each(named(rows.filter((row) => row.instance === "path" || row.access === "admin")))("%s", async (_n, row) => {
    const { status, body } = await ask(row, world.connected, { key: world.user.key, params: { messageId: "x" } });
    expect({ status, code: body.code }).toEqual({ status: 403, code: "forbidden" });
  });
});

describe("for an instance that is not connected it answers so", () => {
  test.each(named(ofInstances.filter((row) => caseOf(row).unconnected)))("%s", async (_name, row) => {
    const { happy, whileUnconnected = happy } = caseOf(row);
    const { status, body } = await ask(row, world.unlinked, await whileUnconnected(world));
    expect({ status, body }).toMatchObject({ status: caseOf(row).unconnected });
    if (status === 409) expect(body).toMatchObject({ code: "instance_not_connected", instanceStatus: "qr" });
  });
});

describe("a right request is answered as documented", () => {
  // What an endpoint makes, others need; what it takes away, too.
  const place = (row: Row) => (row.path.endsWith("/uploads") ? 0 : row.method === "delete" ? 2 : 1);
  const sorted = rows.toSorted((a, b) => place(a) - place(b));
  test.each(named(sorted))("%s", async (name, row) => {
    const { on, happy, keep, answers } = caseOf(row);
    const instance = on ? await on(world) : world.connected;
    const answer = await ask(row, instance, await happy(world));
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: row.status });
    expect(row.answer.parse(answer.body)).toEqual(answer.body);
    expect(missing(documented.get(name) ?? {}, answer.body)).toEqual([]);
    if (answers) expect(answer.body).toMatchObject(answers as object);
    if (keep) world.made.set(keep[1], answer.body[keep[0]]);
    if (keep?.[1] === "upload") {
      await fetch(answer.body.url, { method: "PUT", headers: answer.body.headers, body: "0123456789" });
    }
  });
});

test("the document's Node.js example runs as written, with only URL, key and instance filled in", async () => {
  const reader = await gate.wa.addPhone({ number: "79001234567" });
  const example = readFileSync("tests/fixtures/documents/multi-instance.cjs", "utf8")
    .replace("https://api.example.com/api", `${gate.gateway.url}/api`)
    .replace("YOUR_API_KEY", gate.gateway.firstAdmin?.apiKey.key ?? "")
    .replace("YOUR_INSTANCE_ID", world.connected);
  const child = execFile(process.execPath, ["--input-type=commonjs", "-"]);
  child.child.stdin?.end(example);
  const { stdout } = await child;
  const message = await reader.waitFor((one) => one.text === "Hello from Node.js!");
  expect(stdout).toBe(`Message sent, ID: ${message.id}\n`);
});

test("the six webhooks of the document come with its fields and their types", async () => {
  const examples = JSON.parse(readFileSync("tests/fixtures/documents/multi-instance.json", "utf8")) as {
    webhook?: string;
    body: { event: string };
  }[];
  await gate.api("POST", `/api/whatsapp/${world.connected}/logout`);
  for (const { webhook, body } of examples) {
    if (!webhook) continue;
    const real = await gate.receiver.waitFor((delivery) => delivery.body.event === webhook);
    expect(missing(body, real.body)).toEqual([]);
  }
});

test("nothing went wrong that nobody looked at", () => {
  expect(gate.wa.unknown).toEqual([]);
});
