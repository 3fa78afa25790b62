import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../simulator/index.ts";
import { expectNoComplaints } from "../support/gateway/complaints.ts";
import { phoneSeries } from "../support/gateway/linked-gateway.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let id: string;
let group: string;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550600002", pushName: "Bob" });
  owner = await gate.wa.addPhone({ number: "4915550600001", pushName: "Owner" });
  id = await gate.linked(owner, "gateway");
  group = owner.createGroup("Crew", [bob.number]).jid;
  await sendText(bob, "before");
  await bob.waitFor(({ text }) => text === "before");
}, 120_000);
afterEach(() => answers().clear());
afterAll(async () => {
  expectNoComplaints(gate.wa);
  await gate?.stop();
});

const newPhone = phoneSeries(() => gate.wa, "49155506010");
const answers = () => gate.wa.device(owner.number).faults.answers;
const sendText = (to: Phone, message: string) =>
  gate.api("POST", "/api/message/send/text", { body: { instanceId: id, to: to.number, message } });
const openCommands = async (name: string) =>
  (await gate.db.sql`select 1 from commands where name = ${name} and status in ('queued', 'claimed')`).length;

describe("a command that waits for WhatsApp's answer to", () => {
  test.each([
    ["the look-up of a number", "usync", "message.sendText", (dan: Phone) => sendText(dan, "first")],
    ["the look-up of keys", "encrypt", "message.sendText", (dan: Phone) => sendText(dan, "first")],
    [
      ...["the look-up of the person of a chat", "usync", "chat.setArchived"],
      (dan: Phone) => gate.api("PUT", `/api/chats/${id}/${dan.number}/archive`, { body: { archived: true } }),
    ],
    [
      ...["a change of a group", "w:g2", "chat.setTimer"],
      () => gate.api("PUT", `/api/chats/${id}/${group}/timer`, { body: { seconds: 86_400 } }),
    ],
  ] as [string, string, string, (dan: Phone) => Promise<unknown>][])(
    "%s (%s, %s) holds no message to another chat",
    async (_, xmlns, name, act) => {
      const dan = await newPhone();
      answers().begin(xmlns);
      const asked = act(dan);
      await until(async () => answers().count(xmlns) > 0 || undefined);
      const text = `meanwhile ${xmlns} ${name}`;
      const sent = sendText(bob, text);
      await bob.waitFor((message) => message.text === text, { timeoutMs: 30_000 });
      expect(answers().count(xmlns)).toBeGreaterThan(0);
      expect(await openCommands(name)).toBeGreaterThan(0);
      answers().end(xmlns);
      await Promise.all([asked, sent]);
      await until(async () => (await openCommands(name)) === 0 || undefined, 60_000);
      if (name === "message.sendText") await dan.waitFor((message) => message.text === "first", { timeoutMs: 60_000 });
    },
    120_000,
  );
});

test.each([
  ["the picture of a person", "w:profile:picture", (dan: Phone) => `contacts/${id}/picture?phoneNumber=${dan.number}`],
  ["numbers", "usync", (dan: Phone) => `contacts/${id}/check-exists?phoneNumber=${dan.number}`],
] as const)(
  "without an answer to the look-up of %s (%s), the request fails and says so",
  async (_, xmlns, path) => {
    const dan = await newPhone();
    answers().begin(xmlns);
    expect(await gate.api("GET", `/api/${path(dan)}`)).toMatchObject({
      status: 502,
      body: { code: "whatsapp_error", details: expect.stringContaining("WhatsApp did not answer the look-up of") },
    });
  },
  60_000,
);
