import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";

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
  instance = await gate.linked(alice);
});
afterAll(async () => {
  await endHost(host);
  await gate.stop();
});

test("during a deploy no message is lost, rejected or repeated, and no phone is logged out", async () => {
  const ids: string[] = [];
  const sent: string[] = [];
  let going = true;
  const traffic = (async () => {
    for (let index = 0; going; index++) {
      const answer = await gate.api("POST", `/api/whatsapp/${instance}/send`, {
        body: { phone: bob.number, message: `out ${index}` },
      });
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      ids.push(answer.body.id);
      sent.push((await bob.sendText(alice.number, `in ${index}`)).id);
      await sleep(20);
    }
  })();
  for (let deploy = 0; deploy < 3; deploy++) {
    await sleep(1000);
    const next = spawnHost(gate.gateway.env);
    expect(await endHost(host)).toBe(0);
    host = next;
    await sleep(2500);
    // As in a real deploy, the next host runs before the current one is stopped.
    await until(async () => (await gate.db.sql`select from hosts where id like ${`%-${host.pid}-%`}`)[0], 60_000);
  }
  going = false;
  await traffic;

  await until(async () => {
    const shown = new Set(bob.inbox.messages.map((message) => message.id));
    return ids.every((id) => shown.has(id)) || undefined;
  }, 30_000);
  // No message is sent again under the same id, because a stopping host waits for sends in progress.
  expect(bob.inbox.duplicates).toBe(0);
  await until(async () => {
    const [row] = await gate.db.sql`select count(*)::int as n from messages where not from_me`;
    return row?.n === sent.length || undefined;
  }, 30_000);
  expect(gate.wa.device(alice.number).sockets.maximum).toBe(1);
  expect(alice.devices).toHaveLength(1);
  expect([alice.errors, bob.errors, gate.wa.unknown]).toEqual([[], [], []]);
});
