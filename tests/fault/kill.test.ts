import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { closeConnection } from "../support/network/webhook-receiver.ts";
import { randomOf } from "../support/random.ts";
import { until } from "../support/until.ts";

/** Number of kills, each at another time. `npm run test:fault` uses 20. */
const rounds = Number(process.env.FAULT_ROUNDS ?? 2);
const seed = Number(process.env.FAULT_SEED ?? 20261121);
/** Texts in each direction. */
const count = process.env.FAULT_ROUNDS ? 500 : 150;
/** Latest time of a kill in milliseconds, while texts are still being sent. */
const lastMoment = process.env.FAULT_ROUNDS ? 2500 : 800;

let gate: TestGateway;
let host: ChildProcess;
let alice: Phone;
let bob: Phone;
let instance: string;

beforeAll(async () => {
  gate = await startTestGateway({ host: "none" });
  host = spawnHost(gate.gateway.env);
  alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  instance = await gate.linked(alice, "multi-instance", { retryInterval: 1000, maxRetries: 10 });
});
afterAll(async () => {
  await endHost(host);
  await gate.stop();
});

const random = randomOf(seed);
for (let round = 0; round < rounds; round++) {
  const moment = Math.round(random() * lastMoment);
  const endpointDown = round % 2 === 1;
  test(`nothing is lost or repeated when the host is killed after ${moment} ms${endpointDown ? " while the endpoint is down" : ""} (seed ${seed}, round ${round})`, async () => {
    if (endpointDown) gate.receiver.answer(closeConnection);
    const inbound = streamIn(round);
    const outbound = streamOut(round);
    await sleep(moment);
    await endHost(host, "SIGKILL");
    host = spawnHost(gate.gateway.env);
    const sent = await inbound;
    const accepted = await outbound;
    gate.receiver.answer(200);

    await until(async () => {
      const [row] = await gate.db
        .sql`select count(*)::int as n from messages where not from_me and body like ${`in ${round} %`}`;
      return row?.n >= count || undefined;
    }, 60_000);
    const rows = await gate.db.sql<{ wa_id: string }[]>`
      select wa_id from messages where not from_me and body like ${`in ${round} %`}`;
    expect(rows.map((row) => row.wa_id).sort()).toEqual(sent.toSorted());

    const posted = await until(async () => {
      const ids = new Map<string, Set<string>>();
      for (const { body, headers } of gate.receiver.deliveries) {
        if (body.event !== "message_received") continue;
        const known = ids.get(body.data.messageId) ?? new Set();
        ids.set(body.data.messageId, known.add(headers["webhook-id"] ?? ""));
      }
      return sent.every((id) => ids.has(id)) ? ids : undefined;
    }, 60_000);
    for (const id of sent) expect(posted.get(id)?.size, `ids of ${id} at the webhook`).toBe(1);

    await until(async () => {
      const shown = new Set(bob.inbox.messages.map((message) => message.id));
      return accepted.every((id) => shown.has(id)) || undefined;
    }, 60_000);
    const texts = bob.inbox.messages.filter((message) => message.text?.startsWith(`out ${round} `));
    expect(new Set(texts.map((message) => message.text)).size).toBe(texts.length);
    const open = await until(async () => {
      const [row] = await gate.db.sql`select count(*)::int as n from messages where from_me and status = 'pending'`;
      return row?.n === 0 ? row : undefined;
    }, 30_000);
    expect(open.n).toBe(0);
    expect(alice.errors).toEqual([]);
    expect(bob.errors).toEqual([]);
    expect(gate.wa.unknown).toEqual([]);
  }, 180_000);
}

/** Sends texts from the phone, slowly enough for the kill to happen in between. Returns their WhatsApp ids. */
async function streamIn(round: number): Promise<string[]> {
  const sent: string[] = [];
  for (let index = 0; index < count; index++) {
    const message = await bob.sendText("4915550000001", `in ${round} ${index}`);
    sent.push(message.id);
    if (index % 5 === 0) await sleep(20);
  }
  return sent;
}

/** Sends texts over REST, which must be accepted even without a host. Returns their WhatsApp ids. */
async function streamOut(round: number): Promise<string[]> {
  const accepted: string[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let index = next++; index < count; index = next++) {
        const answer = await gate.api("POST", `/api/whatsapp/${instance}/send`, {
          body: { phone: "4915550000002", message: `out ${round} ${index}` },
        });
        expect(answer.status, JSON.stringify(answer.body)).toBe(200);
        accepted.push(answer.body.id);
      }
    }),
  );
  return accepted;
}
