import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";

const perMinute = 240;

let gate: TestGateway;
let host: ChildProcess;
let instance: string;
const peers: Phone[] = [];

beforeAll(async () => {
  gate = await startTestGateway({ host: "none" });
  host = spawnHost(gate.gateway.env);
  const alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  for (let index = 0; index < 20; index++) {
    peers.push(await gate.wa.addPhone({ number: `49155510000${index + 10}`, pushName: `Peer ${index}` }));
  }
  await until(async () => (await gate.db.sql`select 1 from hosts`)[0], 60_000);
  instance = await gate.linked(alice);
});
afterAll(async () => {
  await endHost(host);
  await gate.stop();
});

test("a bulk continues after its host is killed, at its pace, and reaches each recipient once", async () => {
  const { status, body } = await gate.api("POST", `/api/whatsapp/${instance}/bulk`, {
    body: { recipients: peers.map(({ number }) => ({ phone: number })), message: "to all", perMinute },
  });
  expect(status).toBe(201);
  await peers[7]?.waitFor((message) => message.text === "to all");
  await endHost(host, "SIGKILL");
  host = spawnHost(gate.gateway.env);
  const report = await until(async () => {
    const answer = await gate.api("GET", `/api/whatsapp/${instance}/bulk/${body.bulkId}`);
    return answer.body.status === "done" && answer.body.progress.delivered === peers.length ? answer.body : undefined;
  }, 40_000);
  expect(report.progress).toMatchObject({ scheduled: 0, sending: 0, sent: 0, failed: 0 });
  for (const peer of peers) expect(peer.inbox.messages.filter(({ text }) => text === "to all")).toHaveLength(1);

  const rows = await gate.db.sql<{ index: number; at: Date }[]>`
    select bulk_index as index, deadline - interval '24 hours' as at from commands where bulk_id = ${body.bulkId}
    order by position`;
  expect(rows.map(({ index }) => index)).toEqual(peers.map((_peer, index) => index));
  // In any period, at most as many messages are sent as the pace allows, plus a burst of two seconds.
  for (const [from, first] of rows.entries()) {
    for (const [count, row] of rows.slice(from).entries()) {
      const seconds = (row.at.getTime() - first.at.getTime() + 1) / 1000;
      expect(count + 1).toBeLessThanOrEqual(Math.floor((seconds * perMinute) / 60) + (2 * perMinute) / 60);
    }
  }
  expect(gate.wa.unknown).toEqual([]);
});
