import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { openStream, type StreamMessage } from "../../support/network/event-stream.ts";
import { contractOf } from "../../support/network/stream-contract.ts";
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

describe("a stream or a list of events", () => {
  const address = (path: string) => new URL(path, gate.gateway.url);
  const key = () => gate.gateway.firstAdmin?.apiKey.key ?? "";
  const stream = (path: string) => openStream(address(path), { key: key() });
  /** A file's link has a new token each time. */
  const withoutLink = (body: unknown) =>
    JSON.parse(JSON.stringify(body, (name, value) => (/^(mediaUrl|url|urlExpiresAt)$/.test(name) ? "a link" : value)));
  const ids: Record<string, string> = {};
  const people: Record<string, Phone> = {};
  beforeAll(async () => {
    for (const [index, dialect] of (["gateway", "multi-instance"] as const).entries()) {
      people[dialect] = await gate.wa.addPhone({ number: `491555000001${index}`, pushName: dialect });
      ids[dialect] = await gate.linked(people[dialect], dialect, { metadata: { tenant: dialect } });
    }
  });
  /** Lets something happen on both instances, and returns the webhook bodies that came for it. */
  async function happen(): Promise<Record<string, unknown>[]> {
    const from = gate.receiver.deliveries.length;
    for (const phone of Object.values(people)) {
      const { id } = await bob.sendText(phone.number, "for the stream");
      await bob.sendImage(phone.number, png());
      await gate.receiver.waitFor(({ body }) => JSON.stringify(body).includes(id));
    }
    const isStored = ({ body }: { body: { event: string } }) => /^media.stored$|^media_stored$/.test(body.event);
    await until(async () => gate.receiver.deliveries.slice(from).filter(isStored).length >= 2 || undefined);
    return gate.receiver.deliveries.slice(from).map(({ body }) => body);
  }
  const order = (one: unknown, other: unknown) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1);
  const sorted = (bodies: readonly unknown[]) => bodies.map(withoutLink).sort(order);

  test("has the bodies of webhooks with format=webhook, in the API of each instance", async () => {
    const all = await stream(`/api/events/stream?format=webhook&instances=${Object.values(ids).join(",")}`);
    const begun = (await gate.api("GET", "/api/events")).body.data.nextSince;
    const webhooks = await happen();
    const streamed = await all.wait(webhooks.length);
    expect(sorted(streamed.map(({ data }) => data))).toEqual(sorted(webhooks));
    expect(contractOf("stream")(streamed)).toEqual([]);
    const listed = await gate.api("GET", `/api/events?format=webhook&since=${encodeURIComponent(begun)}`);
    expect(sorted(listed.body.data.events)).toEqual(sorted(webhooks));
    all.close();
  });

  test.each(["gateway", "multi-instance"] as const)("has the bodies of the API %s for any instance", async (format) => {
    for (const [dialect, id] of Object.entries(ids)) {
      const one = await stream(`/api/instances/${id}/events/stream?since=0&format=${format}`);
      const messages = await one.wait(3);
      expect(contractOf("instance-stream")(messages)).toEqual([]);
      const names = messages.map(({ data }) => data.event as string);
      expect(names.every((name) => name.includes(".") === (format === "gateway"))).toBe(true);
      const page = (await gate.api("GET", `/api/instances/${id}/events?format=${format}&limit=1000`)).body.events;
      const bodies = page.flatMap((event: { webhook: unknown }) => event.webhook ?? []);
      expect(sorted(bodies).map((body) => body.event)).toEqual(expect.arrayContaining(names));
      expect(
        bodies.every((body: { metadata: unknown }) => Boolean(body.metadata)),
        dialect,
      ).toBe(true);
      one.close();
    }
  });

  test("has only messages that the AsyncAPI document describes, heartbeats and ends included", async () => {
    const id = ids.gateway ?? "";
    const { apiKey, id: keyId } = (await gate.api("POST", "/api/keys", { body: { name: "short" } })).body;
    await gate.db.sql`delete from events where instance_id = ${id} and seq <= 2`;
    const opened: [Parameters<typeof contractOf>[0], string][] = [
      ["instance-stream", `/api/instances/${id}/events/stream?since=0`],
      ["stream", "/api/events/stream?since=0"],
    ];
    const streams = await Promise.all(opened.map(([, path]) => openStream(address(path), { key: apiKey })));
    await streams[0]?.wait(1, "missing");
    for (const one of streams) await one.wait(3);
    await gate.api("DELETE", `/api/keys/${keyId}`);
    for (const [index, one] of streams.entries()) {
      const [closing] = await one.wait(1, "closing");
      expect(closing?.data).toEqual({ reason: "credentials", code: "invalid_credentials" });
      expect(contractOf(opened[index]?.[0] ?? "stream")(one.messages)).toEqual([]);
    }
    const wrong: StreamMessage = { event: "closing", id: "", data: { reason: "because" } };
    expect(contractOf("stream")([wrong])).toHaveLength(1);
    const quiet = await fetch(address(`/api/instances/${id}/events/stream?types=call.ended`), {
      headers: { "x-api-key": key() },
    });
    const text = quiet.body?.pipeThrough(new TextDecoderStream()).getReader();
    let seen = "";
    while (!/still here\n\n$/.test(seen)) seen += (await text?.read())?.value ?? "";
    expect(seen).toMatch(/^retry: 2000\n\nid: \d+\n: still here\n\n$/);
    await text?.cancel();
  });
});
