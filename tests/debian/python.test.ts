import { execFile as execFileBack, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";

const execFile = promisify(execFileBack);
let gate: TestGateway;
let interpreter: string;
beforeAll(async () => {
  // An interpreter that precedes Debian's on the PATH may lack Debian's packages.
  const found = ["python3", "/usr/bin/python3"].find(
    (command) => spawnSync(command, ["-c", "import requests"]).status === 0,
  );
  if (!found) throw new Error("the test needs Python with requests: apt-get install python3-requests");
  interpreter = found;
  gate = await startTestGateway();
});
afterAll(() => gate?.stop());

/**
 * Runs a program statement by statement. After the program has created an instance, waits until the test has linked it,
 * which the document leaves to the reader.
 */
const stepwise = `
import ast, sys
names = {}
for statement in ast.parse(sys.argv[1]).body:
    known = "instance_id" in names
    exec(compile(ast.Module([statement], []), "example", "exec"), names)
    if not known and "instance_id" in names:
        print("created", names["instance_id"], flush=True)
        sys.stdin.readline()
`;

test("the Multi-Instance API's Python example runs as written, with only URLs and key filled in", async () => {
  const owner = await gate.wa.addPhone({ number: "4915550000001" });
  const reader = await gate.wa.addPhone({ number: "79001234567" });
  const example = readFileSync("tests/fixtures/documents/multi-instance.py", "utf8")
    .replace("https://api.example.com/api", `${gate.gateway.url}/api`)
    .replace("YOUR_API_KEY", gate.gateway.firstAdmin?.apiKey.key ?? "")
    // Tests send traffic only to this machine, and this host name is real.
    .replace("https://your-webhook.com/whatsapp", gate.receiver.url);
  const python = spawn(interpreter, ["-c", stepwise, example], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(python.stdout)[Symbol.asyncIterator]();
  const created = String((await lines.next()).value);
  const instance = created.replace("created ", "");
  await owner.scanQr(await gate.qr(instance));
  await gate.status(instance, "connected");
  python.stdin.end("go on\n");
  const message = await reader.waitFor((one) => one.text === "Hi! This is a test message.");
  expect((await lines.next()).value).toBe(`Message sent, ID: ${message.id}`);
  if (python.exitCode === null) await once(python, "exit");
  expect(python.exitCode).toBe(0);
  const webhook = await gate.receiver.waitFor(({ body }) => body.event === "message_sent");
  expect(webhook.body.data.messageId).toBe(message.id);
});

test("the Gateway API's Python example runs as written, with only URL, key and instance filled in", async () => {
  const owner = await gate.wa.addPhone({ number: "4915550000003" });
  const reader = await gate.wa.addPhone({ number: "6281234567890" });
  const example = readFileSync("tests/fixtures/documents/gateway.py", "utf8")
    .replace("http://localhost:3000", gate.gateway.url)
    .replace("your-api-key", gate.gateway.firstAdmin?.apiKey.key ?? "")
    .replace("my-instance", await gate.linked(owner, "gateway"));
  const { stdout } = await execFile(interpreter, ["-c", example]);
  const [, id] = /^\{'success': True, .*'messageId': '(\w+)'/.exec(stdout) ?? [];
  expect(await reader.waitFor((one) => one.id === id)).toMatchObject({ text: "Hello!", from: owner.jid });
});
