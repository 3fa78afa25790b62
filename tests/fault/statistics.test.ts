import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { png } from "../support/media/png.ts";
import { until } from "../support/until.ts";

const count = 30;

let gate: TestGateway;
let host: ChildProcess;
let bob: Phone;
let instance: string;
/** Numbers of requests with credentials: requests about the instance, and all requests. */
const calls = { about: 0, all: 0 };

beforeAll(async () => {
  gate = await startTestGateway({ host: "none" });
  const { api } = gate;
  gate.api = async (method, path, options) => {
    const answer = await api(method, path, options);
    calls.all++;
    if (/\/api\/(?:instances|whatsapp|stats\/instances)\/[^/]+/.test(path)) calls.about++;
    return answer;
  };
  host = spawnHost(gate.gateway.env);
  const alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  instance = await gate.linked(alice, "multi-instance", { retryInterval: 1000, maxRetries: 10 });
});
afterAll(async () => {
  await endHost(host);
  await gate.stop();
});

test("statistics equal a recount of events, deliveries and calls after the host is killed", async () => {
  let done = 0;
  const { promise: middle, resolve: halfway } = Promise.withResolvers<void>();
  const step = () => {
    if (++done === count) halfway();
  };
  const inbound = (async () => {
    for (let index = 0; index < count; index++) {
      if (index % 10 === 5) await bob.sendImage("4915550000001", png(8), { mimetype: "image/png" });
      else await bob.sendText("4915550000001", `in ${index}`);
      step();
    }
  })();
  const outbound = (async () => {
    for (let index = 0; index < count; index++) {
      const body = { phone: "4915550000002", message: `out ${index}` };
      expect(await gate.api("POST", `/api/whatsapp/${instance}/send`, { body })).toMatchObject({ status: 200 });
      step();
    }
  })();
  await middle;
  await endHost(host, "SIGKILL");
  host = spawnHost(gate.gateway.env);
  await Promise.all([inbound, outbound]);
  await until(async () => {
    const [row] = await gate.db.sql`
      select count(*) filter (where from_me and status in ('delivered', 'read'))::int as sent,
        count(*) filter (where not from_me)::int as received,
        count(*) filter (where media->>'state' = 'stored')::int as stored,
        (select count(*) from deliveries where status = 'pending')::int + (select count(*) from events e
          where type like 'message.%' and not exists (select 1 from deliveries d where d.event_id = e.id))::int as open
      from messages`;
    return (row?.sent === count && row.received === count && row.stored === 3 && row.open === 0) || undefined;
  }, 40_000);

  const counted = { messagesSent: 0, messagesReceived: 0, mediaSent: 0, mediaReceived: 0 };
  let totalMediaSize = 0;
  let next = { nextSince: 0, hasMore: true };
  while (next.hasMore) {
    const { body } = await gate.api("GET", `/api/instances/${instance}/events?limit=50&since=${next.nextSince}`);
    for (const { type, data } of body.events) {
      if (type === "message.sent") counted.messagesSent++;
      if (type === "message.received") counted.messagesReceived++;
      if (type === "message.received" && data.media) counted.mediaReceived++;
      if (type === "media.stored") totalMediaSize += data.media.size;
    }
    next = body;
  }
  expect(counted).toEqual({ messagesSent: count, messagesReceived: count, mediaSent: 0, mediaReceived: 3 });

  const { usage } = (await gate.api("GET", `/api/stats/instances/${instance}?period=all`)).body;
  const [deliveries] = await gate.db.sql`select count(*)::int as n from deliveries where status = 'succeeded'`;
  const { dailyStats, ...sums } = usage;
  expect(sums).toEqual({ ...counted, totalMediaSize, apiCalls: calls.about, webhookSent: deliveries?.n });
  const days = dailyStats.map((day: { messagesSent: number }) => day.messagesSent);
  expect(days.reduce((sum: number, one: number) => sum + one, 0)).toBe(count);
  const { total, instances } = (await gate.api("GET", "/api/stats/user?period=all")).body;
  expect(total).toEqual({ ...sums, apiCalls: calls.all, instanceCount: 1 });
  expect(instances).toEqual([{ instanceId: instance, name: "test", ...sums }]);
}, 90_000);
