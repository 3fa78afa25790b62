import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { type EventConsumer, makeQueue, startConsumer } from "../support/queue/event-consumer.ts";
import { randomOf } from "../support/random.ts";
import { until } from "../support/until.ts";

/** Number of kills. Each takes most of a minute. */
const rounds = Math.ceil(Number(process.env.FAULT_ROUNDS ?? 4) / 4);
const seed = Number(process.env.FAULT_SEED ?? 20261121);
/** Texts in each direction for each of two instances. */
const count = 100;
/** Latest time of a kill in milliseconds, while texts are still being sent. */
const lastMoment = 1_500;
const queue = "switchboard-events-all.fifo";

let gate: TestGateway;
let host: ChildProcess;
let consumer: EventConsumer;
let bob: Phone;
const accounts: { id: string; phone: Phone }[] = [];

beforeAll(async () => {
  gate = await startTestGateway({ host: "none" });
  host = spawnHost(gate.gateway.env);
  await makeQueue(gate.gateway, queue);
  consumer = startConsumer(gate.gateway, queue);
  bob = await gate.wa.addPhone({ number: "4915550000009", pushName: "Bob" });
  await gate.api("PUT", "/api/auth/me", { body: { eventQueue: queue } });
  for (const number of ["4915550000001", "4915550000002"]) {
    const phone = await gate.wa.addPhone({ number, pushName: "Alice" });
    accounts.push({ id: await gate.linked(phone, "multi-instance", { webhookUrl: null }), phone });
  }
});
afterAll(async () => {
  await consumer?.stop();
  await endHost(host);
  await gate.stop();
});

const random = randomOf(seed);
for (let round = 0; round < rounds; round++) {
  const moment = Math.round(random() * lastMoment);
  test(`a consumer of only the queue gets every event once, in order for each instance, when the host is killed after ${moment} ms (seed ${seed}, round ${round})`, async () => {
    const traffic = accounts.map((account) =>
      Promise.all([streamIn(account.phone, round), streamOut(account.id, round)]),
    );
    await sleep(moment);
    await endHost(host, "SIGKILL");
    host = spawnHost(gate.gateway.env);
    const streams = await Promise.all(traffic);

    for (const [index, { id }] of accounts.entries()) {
      const [received, sent] = streams[index] ?? [[], []];
      await expectOneEventEach(id, "message.received", received);
      await expectOneEventEach(id, "message.sent", sent);
      const events = consumer.of(id);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, place) => place + 1));
      expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
      const rows = await gate.db.sql<{ id: string }[]>`
        select id from events where instance_id = ${id} and seq <= ${events.length} order by seq`;
      expect(events.map((event) => event.id)).toEqual(rows.map((row) => row.id));
    }
    expect(gate.wa.unknown).toEqual([]);
  }, 180_000);
}

/** Waits for an event of each of these messages. No message may have two. */
async function expectOneEventEach(instanceId: string, type: string, messageIds: readonly string[]): Promise<void> {
  const announced = await until(async () => {
    const ids = consumer
      .of(instanceId)
      .flatMap((event) => (event.type === type ? [event.data.messageId as string] : []));
    return messageIds.every((id) => ids.includes(id)) ? ids : undefined;
  }, 90_000);
  expect(new Set(announced).size).toBe(announced.length);
}

/** Sends texts to the phone of an instance. Returns their WhatsApp ids. */
async function streamIn(phone: Phone, round: number): Promise<string[]> {
  const sent: string[] = [];
  for (let index = 0; index < count; index++) {
    sent.push((await bob.sendText(phone.number, `in ${round} ${index}`)).id);
    if (index % 5 === 0) await sleep(20);
  }
  return sent;
}

/** Sends texts over REST from an instance, which must be accepted. Returns their WhatsApp ids. */
async function streamOut(instanceId: string, round: number): Promise<string[]> {
  const accepted: string[] = [];
  for (let index = 0; index < count; index++) {
    const answer = await gate.api("POST", `/api/whatsapp/${instanceId}/send`, {
      body: { phone: bob.number, message: `out ${round} ${index}` },
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    accepted.push(answer.body.id);
  }
  return accepted;
}
