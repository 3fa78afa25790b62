import { execFile as execFileBack } from "node:child_process";
import { createRequire } from "node:module";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { gatewayDocument, gatewayExample } from "../../support/endpoint/documents.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";

const execFile = promisify(execFileBack);
const secret = "a long secret";
let gate: TestGateway;
let bob: Phone;
let carol: Phone;
let owner: Phone;
let instance: string;
let key: string;
let unlinked: string;
let program: Program;
const printed: string[] = [];
const intervals: [() => Promise<void>, number][] = [];

interface Program {
  verifyWebhook(payload: unknown, signature: string, secret: string): boolean;
  getAllInstances(): Promise<unknown[]>;
  retryWithBackoff<Value>(fn: () => Promise<Value>, maxRetries?: number): Promise<Value>;
  sendMessage(instanceId: string, to: string, message: string): Promise<Answer>;
  broadcastMessage(id: string, to: string[], message: string): Promise<{ recipient: string; success: boolean }[]>;
  manageGroup(id: string, groupId: string, command: string, params: { participants: string[] }): Promise<unknown>;
  monitorInstances(): Promise<void>;
  check(response: unknown): void;
  whenConnected(instanceId: string, to: string, message: string): Promise<void>;
  inBatches(instanceId: string, recipients: string[], message: string): Promise<void>;
}
interface Answer {
  success: boolean;
  data: { messageId: string };
}

const filledIn = (code: string) =>
  code
    .replaceAll("http://localhost:3000", gate.gateway.url)
    .replaceAll("your-api-key", key)
    .replaceAll("my-instance", instance);
const main = () => filledIn(gatewayExample("gateway.cjs", "JavaScript/Node.js"));
const shown = (heading: string) => gatewayExample("gateway.cjs", heading);

/** The functions that the document expects its reader to write. */
const writtenByReader = `
const call = async (method, path, data) =>
  (await axios({ method, url: BASE_URL + path, data, headers: { 'X-API-Key': API_KEY } })).data;
const getInstanceStatus = (id) => call('get', '/api/instance/' + id + '/status');
const getAllInstances = async () => (await call('get', '/api/instance')).data;
const restartInstance = (id) => call('post', '/api/instance/' + id + '/restart');
const inGroup = (method, what) => (id, group, participants) =>
  call(method, '/api/groups/' + id + '/' + group + '/' + what, { participants });
const addParticipants = inGroup('post', 'participants');
const removeParticipants = inGroup('delete', 'participants');
const promoteToAdmin = inGroup('post', 'promote');
const demoteAdmin = inGroup('post', 'demote');
const generateReply = (text) => 'You said: ' + text;
`;

/** Puts all of the document's JavaScript into one program. */
function assemble(app: unknown): Program {
  const code = [
    main(),
    writtenByReader,
    ...["2. Rate Limiting", "3. Webhook Security", "1. Broadcast Messages"].map(shown),
    ...["2. Auto-Reply Bot", "3. Group Management Bot", "4. Status Monitor"].map(shown),
    `function check(response) { ${shown("1. Error Handling")} }`,
    `async function whenConnected(instanceId, to, message) { ${shown("4. Instance Management")} }`,
    `async function inBatches(instanceId, recipients, message) { ${shown("1. Batch Operations")} }`,
    "return { verifyWebhook, retryWithBackoff, sendMessage, broadcastMessage, manageGroup, monitorInstances,",
    "  check, whenConnected, inBatches, getAllInstances };",
  ].join("\n");
  const say = (...words: unknown[]) => printed.push(words.join(" "));
  const console = { log: say, error: say };
  const setInterval = (run: () => Promise<void>, ms: number) => intervals.push([run, ms]);
  // The document's pauses limit the load on WhatsApp. The simulated WhatsApp needs no limit.
  const sleep = (ms: number) => wait(ms / 100);
  const given = { require: createRequire(import.meta.url), app, console, setInterval, sleep };
  return new Function(...Object.keys(given), code)(...Object.values(given)) as Program;
}

type Handler = (req: { body: unknown }, res: { sendStatus(status: number): void }) => void;

beforeAll(async () => {
  // The limit in the document. Only the last test exceeds it.
  gate = await startTestGateway({ env: { RATE_LIMIT: "100" } });
  key = gate.gateway.firstAdmin?.apiKey.key ?? "";
  let handle: Handler = (_req, res) => res.sendStatus(200);
  gate.receiver.answer(({ body }, response) =>
    handle({ body: JSON.parse(body) }, { sendStatus: (status) => response.writeHead(status).end() }),
  );
  bob = await gate.wa.addPhone({ number: "6281234567890", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "6289876543210", pushName: "Carol" });
  owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  instance = await gate.linked(owner, "gateway", { webhookSecret: secret });
  unlinked = await gate.createInstance("gateway", { webhookSecret: secret });
  await gate.qr(unlinked);
  const app = {
    post: (path: string, handler: Handler) => {
      expect(path).toBe("/webhook");
      handle = handler;
    },
  };
  program = assemble(app);
});
afterAll(async () => {
  await gate?.stop();
});

const arrived = (phone: Phone, text: string) => phone.waitFor((message) => message.text === text);

test("the document's Node.js example runs as written, with only URL, key and instance filled in", async () => {
  const before = bob.inbox.messages.length;
  const child = execFile(process.execPath, ["--input-type=commonjs", "-"]);
  child.child.stdin?.end(main());
  const { stdout } = await child;
  const [, id = ""] = /^Success: \{.*success: true.*messageId: '(\w+)'/s.exec(stdout) ?? [];
  expect(await bob.waitFor((message) => message.id === id)).toMatchObject({ text: "Hello!", from: owner.jid });
  expect(bob.inbox.messages.length).toBeGreaterThan(before);
});

test("broadcastMessage reaches each recipient and reports the failed recipients", async () => {
  const results = await program.broadcastMessage(instance, [bob.jid, "nobody", carol.jid], "to all");
  expect(results).toMatchObject([
    { recipient: bob.jid, success: true },
    { recipient: "nobody", success: false, error: "Request failed with status code 400" },
    { recipient: carol.jid, success: true },
  ]);
  for (const phone of [bob, carol]) expect(await arrived(phone, "to all")).toMatchObject({ copies: 1 });
});

test("the auto-reply bot answers the sender of a webhook from its instance", async () => {
  await bob.sendText(owner.number, "ping");
  expect(await arrived(bob, "You said: ping")).toMatchObject({ from: owner.jid });
});

test("verifyWebhook accepts every signed webhook, and rejects a webhook with another secret or body", () => {
  const received = gate.receiver.received.map(({ headers, body }) => ({
    body: JSON.parse(body),
    signature: headers["x-webhook-signature"] ?? "",
  }));
  expect(received.map(({ body }) => body.event)).toContain("message.received");
  for (const { body, signature } of received) {
    expect(program.verifyWebhook(body, signature, secret)).toBe(true);
    expect(program.verifyWebhook(body, signature, "another")).toBe(false);
    expect(program.verifyWebhook({ ...body, event: "message.forged" }, signature, secret)).toBe(false);
  }
});

test("the group management bot adds, promotes, demotes and removes members", async () => {
  const group = owner.createGroup("Managed", [bob.number]);
  const manage = (command: string) => program.manageGroup(instance, group.jid, command, { participants: [carol.jid] });
  await manage("add");
  expect(group.members.has(carol.account)).toBe(true);
  await manage("promote");
  expect(group.isAdmin(carol.account)).toBe(true);
  await manage("demote");
  expect(group.isAdmin(carol.account)).toBe(false);
  await manage("remove");
  expect(group.members.has(carol.account)).toBe(false);
  await expect(manage("dance")).rejects.toThrow("Unknown command");
});

test("the status monitor restarts an instance that is not connected, whose new QR code can be scanned", async () => {
  expect(intervals).toEqual([[program.monitorInstances, 300_000]]);
  const spare = await gate.wa.addPhone({ number: "4915550000009", pushName: "Spare" });
  printed.length = 0;
  await program.monitorInstances();
  expect(printed).toEqual([`Instance ${unlinked} is disconnected`]);
  await spare.scanQr(await gate.qr(unlinked));
  await gate.status(unlinked, "connected");
  printed.length = 0;
  await program.monitorInstances();
  expect(printed).toEqual([]);
});

test("the examples that check an instance, check a response and send in batches work", async () => {
  await program.whenConnected(instance, carol.jid, "you are connected");
  await arrived(carol, "you are connected");
  await program.inBatches(instance, [bob.jid, carol.jid], "twice");
  for (const phone of [bob, carol]) {
    await phone.waitFor(() => phone.inbox.messages.filter(({ text }) => text === "twice").length === 2);
  }
  printed.length = 0;
  program.check(await program.retryWithBackoff(() => program.sendMessage(instance, bob.jid, "tried")));
  expect(printed).toEqual([]);
  const refused = await gate.api("POST", "/api/message/send/text", { body: { instanceId: instance } });
  program.check(refused.body);
  expect(printed).toEqual(["The request does not match its schema"]);
});

test("retryWithBackoff recognizes a 429 and finally gives up", async () => {
  let tries = 0;
  const list = () =>
    program.retryWithBackoff(() => {
      tries++;
      return program.getAllInstances();
    });
  const untilRefused = async () => {
    for (;;) expect(await list()).toHaveLength(2);
  };
  const { rateLimit } = gatewayDocument;
  await expect(untilRefused()).rejects.toMatchObject({ status: 429, response: { data: rateLimit } });
  tries = 0;
  await expect(list()).rejects.toMatchObject({ status: 429, response: { headers: { "ratelimit-remaining": "0" } } });
  expect(tries).toBe(3);
});
