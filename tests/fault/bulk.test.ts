import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { startFileServer } from "../support/network/file-server.ts";
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

const send = async (body: Record<string, unknown>): Promise<string> => {
  const answer = await gate.api("POST", `/api/whatsapp/${instance}/send`, { body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.id;
};

test("clearing the queue of an instance whose host is down cancels nothing that is accepted afterwards", async () => {
  const [peer] = peers;
  const phone = peer?.number;
  await endHost(host, "SIGKILL");
  const before = await send({ phone, message: "before the clear" });
  const clearing = gate.api("DELETE", `/api/instance/${instance}/queue`);
  await until(async () => (await gate.db.sql`select 1 from commands where name = 'instance.clearQueue'`)[0], 20_000);
  const after = await send({ phone, message: "after the clear" });
  host = spawnHost(gate.gateway.env);
  await peer?.waitFor(({ id }) => id === after, { timeoutMs: 60_000 });
  expect((await clearing).status).toBeLessThan(300);
  const [row] = await gate.db.sql`select status from messages where wa_id = ${before}`;
  expect(row?.status).toBe("canceled");
});

test("a text whose page does not arrive is sent without a preview after 10 s, and a link alone fails", async () => {
  const files = await startFileServer({ "/hangs": { hangs: true } });
  const [peer, other] = peers;
  const page = files.url("/hangs");
  const text = await send({ phone: peer?.number, message: `see ${page}`, linkPreview: true });
  const link = await gate.api("POST", "/api/message/send/link-preview", {
    body: { instanceId: instance, to: other?.number, url: page },
  });
  await peer?.waitFor(({ id }) => id === text, { timeoutMs: 60_000 });
  const failed = await until(async () => {
    const [row] = await gate.db.sql`select status, error from messages where wa_id = ${link.body.data.messageId}`;
    return row?.status === "failed" ? row : undefined;
  }, 60_000);
  expect(failed.error).toBe("media_not_usable");
  await files.stop();
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
