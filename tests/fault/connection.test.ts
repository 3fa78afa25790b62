import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";

let gate: TestGateway;
let alice: Phone;
let bob: Phone;
let instance: string;

beforeAll(async () => {
  gate = await startTestGateway();
  alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  instance = await gate.linked(alice);
});
afterAll(() => gate.stop());

async function send(text: string): Promise<string> {
  const answer = await gate.api("POST", `/api/whatsapp/${instance}/send`, {
    body: { phone: "4915550000002", message: text },
  });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.id;
}

async function expectOnceAtBob(ids: string[]): Promise<void> {
  await until(async () => {
    const shown = new Set(bob.inbox.messages.map((message) => message.id));
    return ids.every((id) => shown.has(id)) || undefined;
  }, 60_000);
  const texts = bob.inbox.messages.map((message) => message.text);
  expect(new Set(texts).size).toBe(texts.length);
  await until(async () => {
    const rows = await gate.db.sql`select 1 from messages where from_me and status = 'pending'`;
    return rows.length === 0 || undefined;
  }, 30_000);
  expect(bob.errors).toEqual([]);
  expect(gate.wa.unknown).toEqual([]);
}

test("sends lost on a silent connection are repeated under the same id after the connection is cut", async () => {
  await send("before");
  await bob.waitFor((message) => message.text === "before");
  gate.wa.device(alice.number).faults.silence(4000, "cut");
  const ids: string[] = [];
  for (let index = 0; index < 80; index++) {
    ids.push(await send(`silent ${index}`));
    await sleep(40);
  }
  await expectOnceAtBob(ids);
});

test("a silent connection is closed, and its sends are repeated", async () => {
  gate.wa.device(alice.number).faults.silence(40_000, "resume");
  const ids = [await send("into the silence 1"), await send("into the silence 2")];
  await expectOnceAtBob(ids);
});

test("a message that WhatsApp never acknowledges fails, and other messages go on over the same connection", async () => {
  const device = gate.wa.device(alice.number);
  await until(async () => device.sockets.open === 1 || undefined, 60_000);
  const after = await send("before the poison");
  await bob.waitFor((message) => message.id === after);
  const { logins } = device.sockets;
  device.faults.unacknowledged.add(true);
  const poison = await send("never acknowledged");
  const ids: string[] = [];
  const failed = async () => {
    ids.push(await send(`beside the poison ${ids.length}`));
    await bob.waitFor((message) => message.id === ids.at(-1));
    const [row] = await gate.db.sql`select error from messages where wa_id = ${poison} and status = 'failed'`;
    return row?.error as string | undefined;
  };
  expect(await until(failed, 120_000)).toBe("outcome_unknown");
  expect(device.sockets.logins).toBe(logins);
  await expectOnceAtBob(ids);
}, 180_000);

test("a connection that is cut repeatedly loses no message in either direction", async () => {
  const ids: string[] = [];
  const sent: string[] = [];
  for (let index = 0; index < 60; index++) {
    if (index % 15 === 7) gate.wa.device(alice.number).faults.cut();
    ids.push(await send(`cut ${index}`));
    sent.push((await bob.sendText(alice.number, `in ${index}`)).id);
    await sleep(50);
  }
  await expectOnceAtBob(ids);
  await until(async () => {
    const rows = await gate.db.sql<{ wa_id: string }[]>`select wa_id from messages where not from_me`;
    return rows.length === sent.length || undefined;
  }, 60_000);
});
