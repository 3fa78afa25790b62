import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { type EventConsumer, makeQueue, type QueuedEvent, startConsumer } from "../../support/queue/event-consumer.ts";
import { until } from "../../support/until.ts";

const listed = "http://127.0.0.1:9/000000000000/elsewhere.fifo";
const own = "switchboard-events-own.fifo";
const users = "switchboard-events-users.fifo";

let gate: TestGateway;
let bob: Phone;
let reader: EventConsumer;
let usersReader: EventConsumer;
beforeAll(async () => {
  gate = await startTestGateway({ env: { EVENT_QUEUES: listed } });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  await Promise.all([own, users].map((name) => makeQueue(gate.gateway, name)));
  reader = startConsumer(gate.gateway, own);
  usersReader = startConsumer(gate.gateway, users);
});
afterAll(async () => {
  await Promise.all([reader, usersReader].map((one) => one?.stop()));
  await gate?.stop();
});

const seqs = (events: readonly QueuedEvent[]) => events.map(({ seq }) => seq);
const counted = (from: number, length: number) => Array.from({ length }, (_, index) => from + index);
const set = (id: string, eventQueue: unknown, key?: string) =>
  gate.api("PUT", `/api/instances/${id}`, { body: { eventQueue }, ...(key ? { key } : {}) });
const isText = (id: string) => (event: QueuedEvent) => event.type === "message.received" && event.data.messageId === id;
const sink = async (id: string) => (await gate.db.sql`select * from event_sinks where instance_id = ${id}`)[0];

test("a consumer of the event queue can link an instance, and gets each event once, in order and as in the event log", async () => {
  const alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  const id = await gate.createInstance("multi-instance", { webhookUrl: null, eventQueue: own });
  const qr = await reader.waitFor((event) => event.instanceId === id && event.type === "connection.qr");
  await alice.scanQr(qr.data.qr);
  await reader.waitFor((event) => event.instanceId === id && event.type === "connection.open");
  const texts = [];
  for (let index = 0; index < 20; index++) texts.push(await bob.sendText(alice.number, `text ${index}`));
  for (const { id: text } of texts) await reader.waitFor(isText(text));

  const events = reader.of(id);
  expect(seqs(events)).toEqual(counted(1, events.length));
  expect(events.filter(({ type }) => type === "message.received")).toHaveLength(texts.length);
  const log = (await gate.api("GET", `/api/instances/${id}/events?limit=1000`)).body.events;
  expect(
    events.map(({ id, seq: sequence, type, data: { qr: _qr, ...data }, at: createdAt }) => ({
      id,
      sequence,
      type,
      data,
      createdAt,
    })),
  ).toEqual(log.slice(0, events.length));
  expect(JSON.stringify(events)).not.toContain("sealed");
  const shown = await gate.api("GET", `/api/instances/${id}`);
  expect(shown.body).toMatchObject({ eventQueue: own, eventDelivery: { queue: own, failingSince: null, error: null } });
});

test("a user's queue gets the events of all its instances besides webhooks, unless an instance has its own queue", async () => {
  const alice = await gate.wa.addPhone({ number: "4915550000003", pushName: "Alice" });
  const before = await gate.linked(alice, "gateway");
  const numbered = Number((await gate.db.sql`select event_seq from instances where id = ${before}`)[0]?.event_seq);
  const me = await gate.api("PUT", "/api/auth/me", { body: { eventQueue: users } });
  expect(me).toMatchObject({ status: 200, body: { eventQueue: users } });
  const after = await gate.createInstance("gateway");
  const { id } = await bob.sendText(alice.number, "to the queue and the webhook");
  const queued = await usersReader.waitFor(isText(id));
  const posted = await gate.receiver.waitFor(({ body }) => body.data.messageId === id);
  expect(posted.body).toMatchObject({ eventId: queued.id, sequence: queued.seq });
  await usersReader.waitFor((event) => event.instanceId === after && event.type === "connection.qr");
  expect(usersReader.of(before)[0]?.seq).toBe(numbered + 1);
  expect(usersReader.of(after)[0]?.seq).toBe(1);
  expect(usersReader.events.some(({ instanceId }) => instanceId === reader.events[0]?.instanceId)).toBe(false);

  await set(before, own);
  const second = await bob.sendText(alice.number, "to its own queue");
  await reader.waitFor(isText(second.id));
  await set(before, "");
  expect((await gate.api("PUT", "/api/auth/me", { body: { eventQueue: null } })).body.eventQueue).toBeNull();
  expect(await sink(before)).toBeUndefined();
  expect((await sink(reader.events[0]?.instanceId ?? ""))?.queue).toBe(own);
  expect(usersReader.events.some(isText(second.id))).toBe(false);
});

test("a missing queue delays nothing else, and gets all events in order once it exists", async () => {
  const late = "switchboard-events-late.fifo";
  const alice = await gate.wa.addPhone({ number: "4915550000004", pushName: "Alice" });
  const id = await gate.createInstance("multi-instance", { eventQueue: late });
  await alice.scanQr(await gate.qr(id));
  await gate.status(id, "connected");
  const { id: text } = await bob.sendText(alice.number, "while there is no queue");
  await gate.receiver.waitFor(({ body }) => body.data.messageId === text);
  const failing = await until(async () => {
    const row = await sink(id);
    return row?.failing_since ? row : undefined;
  });
  expect(failing).toMatchObject({ sent_seq: "0", error: expect.stringMatching(/exist/i) });
  expect(failing.next_at.getTime()).toBeGreaterThan(failing.failing_since.getTime() + 3_000);
  const { eventDelivery } = (await gate.api("GET", `/api/instances/${id}`)).body;
  expect(eventDelivery).toMatchObject({ queue: late, failingSince: expect.any(String), error: failing.error });
  expect(eventDelivery.waiting).toBeGreaterThan(0);

  await makeQueue(gate.gateway, late);
  const lateReader = startConsumer(gate.gateway, late);
  // Ends the pause before the next attempt.
  await gate.db.sql`update event_sinks set next_at = clock_timestamp() where instance_id = ${id}`;
  await lateReader.waitFor(isText(text));
  expect(seqs(lateReader.of(id))).toEqual(counted(1, lateReader.of(id).length));
  await until(async () => ((await sink(id))?.failing_since === null ? true : undefined));
  await lateReader.stop();
});

test("events that one queue did not accept are sent to the queue that is set next", async () => {
  const id = await gate.createInstance("multi-instance", { webhookUrl: null, eventQueue: listed });
  await until(async () => ((await sink(id))?.failing_since ? true : undefined));
  expect((await set(id, own)).body.eventQueue).toBe(own);
  await reader.waitFor((event) => event.instanceId === id && event.type === "connection.qr");
  expect(reader.of(id)[0]?.seq).toBe(1);
});

test("only an event queue that the user is allowed to use is accepted", async () => {
  const id = await gate.createInstance("gateway");
  const email = "ann@example.com";
  const ann = (await gate.api("POST", "/api/users", { body: { email } })).body;
  const key: string = ann.apiKey;
  const hers = await gate.api("POST", "/api/instances", { key, body: { name: "hers" } });
  const names: [unknown, number, string][] = [
    ["switchboard-event.fifo", 400, "invalid_request"],
    ["switchboard-command-0.fifo", 400, "invalid_request"],
    ["switchboard-events-.fifo/../other.fifo", 400, "invalid_request"],
    ["switchboard-events-own", 400, "invalid_request"],
    [`switchboard-events-${"x".repeat(80)}.fifo`, 400, "invalid_request"],
    ["https://sqs.us-east-1.amazonaws.com/1/switchboard-events-x.fifo", 400, "url_not_allowed"],
    [`${listed}?x=.fifo`, 400, "url_not_allowed"],
    [1, 400, "invalid_request"],
  ];
  for (const [name, status, code] of names) {
    expect(await set(id, name), String(name)).toMatchObject({ status, body: { code } });
    expect((await gate.api("PUT", "/api/auth/me", { body: { eventQueue: name } })).body.code, String(name)).toBe(code);
  }
  for (const queue of [own, listed]) {
    expect(await set(hers.body.id, queue, key)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    const create = { name: "hers too", eventQueue: queue };
    expect((await gate.api("POST", "/api/instance/create", { key, body: create })).status).toBe(403);
    expect((await gate.api("PUT", "/api/auth/me", { key, body: { eventQueue: queue } })).status).toBe(403);
  }
  const her = `switchboard-events-${ann.id}.fifo`;
  expect((await set(hers.body.id, her, key)).status).toBe(200);
  expect((await set(id, her, key)).status).toBe(403);
  // A user may set a queue that an admin allowed for the user.
  const given = await gate.api("PUT", `/api/users/${ann.id}`, { body: { eventQueue: users } });
  expect(given.body.eventQueue).toBe(users);
  expect((await gate.api("PUT", "/api/auth/me", { key, body: { eventQueue: users } })).status).toBe(200);
});
