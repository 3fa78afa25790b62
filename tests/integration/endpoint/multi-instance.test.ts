import { execFile as execFileBack } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { missing } from "../../support/endpoint/case.ts";
import { multiInstance } from "../../support/endpoint/dialect-tables.ts";
import { multiInstanceDocument } from "../../support/endpoint/documents.ts";
import { cases, type MultiInstanceFixture } from "../../support/endpoint/multi-instance/cases.ts";
import { testEndpoints } from "../../support/endpoint/suite.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

const execFile = promisify(execFileBack);
let gate: TestGateway;
let fixture: MultiInstanceFixture;

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
  fixture = {
    ...{ gate, owner, bob, connected, unlinked, received, sent, withFile },
    user: { id: user.id, email: "ann@example.com", password, key: user.apiKey, keyId: "" },
    adminEmail: admin?.user.email ?? "",
    adminPassword: admin?.generatedPassword ?? "",
    made: new Map(),
  };
});
afterAll(async () => {
  await gate?.stop();
});

testEndpoints({
  dialect: multiInstance,
  cases,
  fixture: () => fixture,
  documented: new Map(
    multiInstanceDocument.flatMap((one) =>
      "endpoint" in one && one.kind === "response" ? [[one.endpoint, one.body] as const] : [],
    ),
  ),
  // Uploads come first and deletions last, because the other requests need both.
  place: (row) => (row.path.endsWith("/uploads") ? 0 : row.method === "delete" ? 2 : 1),
  statusField: "instanceStatus",
});

test("the document's Node.js example runs as written, with only URL, key and instance filled in", async () => {
  const reader = await gate.wa.addPhone({ number: "79001234567" });
  const example = readFileSync("tests/fixtures/documents/multi-instance.cjs", "utf8")
    .replace("https://api.example.com/api", `${gate.gateway.url}/api`)
    .replace("YOUR_API_KEY", gate.gateway.firstAdmin?.apiKey.key ?? "")
    .replace("YOUR_INSTANCE_ID", fixture.connected);
  const child = execFile(process.execPath, ["--input-type=commonjs", "-"]);
  child.child.stdin?.end(example);
  const { stdout } = await child;
  const message = await reader.waitFor((one) => one.text === "Hello from Node.js!");
  expect(stdout).toBe(`Message sent, ID: ${message.id}\n`);
});

test("the six webhooks of the document have its fields and types", async () => {
  await gate.api("POST", `/api/whatsapp/${fixture.connected}/logout`);
  for (const one of multiInstanceDocument) {
    if (!("webhook" in one)) continue;
    const real = await gate.receiver.waitFor((delivery) => delivery.body.event === one.webhook);
    expect(missing(one.body, real.body)).toEqual([]);
  }
  expect(gate.wa.unknown).toEqual([]);
});
