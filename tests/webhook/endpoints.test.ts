import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { sealedPlace } from "../../core/crypto/sealed-place.ts";
import { Claims } from "../../core/db/claim-lease.ts";
import { openDatabase } from "../../core/db/index.ts";
import { Successes } from "../../core/webhook/delivery/successes.ts";
import { receiverOfTest } from "../support/network/receiver-of-test.ts";
import type { ReceivedRequest } from "../support/network/webhook-receiver.ts";
import { received, startWorld, text, type World } from "../support/webhook/delivery-setup.ts";

// The tests use a real database, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const bodies = (received: { body: string }[]) => received.map(({ body }) => JSON.parse(body).data.body);
const ids = (received: readonly ReceivedRequest[]) => received.map(({ headers }) => headers["webhook-id"]);
const hmac = (secret: string, body: string) => createHmac("sha256", secret).update(body).digest("hex");

/** Starts two receivers, and creates an instance with an endpoint for each. */
async function twoEndpoints(options: Parameters<World["instance"]>[0] = {}) {
  const [one, two] = [await receiverOfTest(), await receiverOfTest()];
  const instance = await world.instance({ url: one.url, ...options });
  const second = await world.addEndpoint(instance, { url: two.url });
  return { one, two, instance, second };
}

/** Returns the statuses of the deliveries to an endpoint, in the order of their events. */
const statuses = async (instance: string, endpoint: string) =>
  (await world.deliveries(instance)).flatMap(({ endpoint_id, status }) => (endpoint_id === endpoint ? [status] : []));

test("each endpoint gets one delivery of an event, signed with its own secret and with its own headers", async () => {
  const [one, two] = [await receiverOfTest(), await receiverOfTest()];
  const instance = await world.instance({ url: one.url, secret: "first", headers: { "x-door": "1" } });
  await world.addEndpoint(instance, { url: two.url, secret: "second", headers: { "x-door": "2" } });
  const records = world.texts(instance, 2);
  expect(await world.handle(records)).toEqual([]);
  expect(await world.handle(records)).toEqual([]);
  for (const [receiver, secret, door] of [
    [one, "first", "1"],
    [two, "second", "2"],
  ] as const) {
    expect(bodies(receiver.received)).toEqual(["1", "2"]);
    for (const { headers, body } of receiver.received) {
      expect(headers).toMatchObject({ "x-webhook-signature": hmac(secret, body), "x-door": door });
    }
  }
  expect(one.received.map(({ body }) => body)).toEqual(two.received.map(({ body }) => body));
  expect(new Set([...ids(one.received), ...ids(two.received)]).size).toBe(4);
});

test("two endpoints with the same URL both get each event", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  await world.addEndpoint(instance, { url: receiver.url });
  await world.addEndpoint(instance, { url: receiver.url });
  await world.handle(world.texts(instance, 1));
  expect(bodies(receiver.received)).toEqual(["1", "1", "1"]);
});

test("an instance gets webhooks at another endpoint when its first endpoint has no URL or is off", async () => {
  const receiver = await receiverOfTest();
  for (const options of [{ url: null }, { url: "http://127.0.0.1:9/", enabled: false }]) {
    const instance = await world.instance(options);
    await world.addEndpoint(instance, { url: receiver.url });
    await world.addEndpoint(instance, { url: receiver.url, enabled: false });
    await world.handle(world.texts(instance, 1));
    expect(await world.deliveries(instance)).toMatchObject([{ status: "succeeded" }]);
  }
  expect(receiver.received).toHaveLength(2);
});

test("an endpoint that fails is parked and recovers alone, in order and under the same ids", async () => {
  const { one, two, instance, second } = await twoEndpoints();
  one.answer(500);
  await world.handle(world.texts(instance, 5));
  await world.handle(world.texts(instance, 1));
  expect(bodies(two.received)).toEqual(["1", "2", "3", "4", "5", "6"]);
  expect(await world.endpoint(instance)).toEqual({ state: "parked", failures: 3 });
  expect(await world.endpoint(second)).toBeUndefined();
  const failed = ids(one.received);
  one.answer(200);
  world.clock.advance(10 * 60_000);
  await world.wake();
  expect(bodies(one.received.slice(3))).toEqual(["1", "2", "3", "4", "5", "6"]);
  expect(ids(one.received.slice(3, 6))).toEqual(failed);
  expect(two.received).toHaveLength(6);
  expect(await world.endpoint(instance)).toBeUndefined();
});

test("a parked second endpoint doesn't affect the first", async () => {
  const { one, two, instance, second } = await twoEndpoints();
  two.answer(500);
  await world.handle(world.texts(instance, 4));
  expect(await world.endpoint(second)).toEqual({ state: "parked", failures: 3 });
  await world.handle(world.texts(instance, 2));
  expect(bodies(one.received)).toEqual(["1", "2", "3", "4", "5", "6"]);
  expect(await statuses(instance, second)).toEqual(Array(6).fill("pending"));
});

test("deliveries to a deleted endpoint fail, and the state of the endpoint is removed", async () => {
  const { two, instance, second } = await twoEndpoints();
  two.answer(500);
  await world.handle(world.texts(instance, 1));
  await world.handle(world.texts(instance, 3));
  await world.db.sql`insert into endpoint_paces (endpoint_id, url, average_ms) values (${second}, ${two.url}, 1)`;
  await world.db.sql`delete from webhooks where id = ${second}`;
  await world.wake();
  expect((await world.deliveries(instance)).filter(({ endpoint_id }) => endpoint_id === second)).toMatchObject(
    Array(4).fill({ status: "failed", reason: "disabled" }),
  );
  expect(await world.endpoint(second)).toBeUndefined();
  expect(await world.db.sql`select 1 from endpoint_paces where endpoint_id = ${second}`).toHaveLength(0);
  expect(await statuses(instance, instance)).toEqual(Array(4).fill("succeeded"));
});

test("an endpoint without a success for five days is switched off, and the others stay on", async () => {
  const { one, two, instance, second } = await twoEndpoints();
  two.answer(500);
  await world.handle(world.texts(instance, 3));
  world.clock.advance(5 * 24 * 60 * 60_000);
  await world.wake();
  await world.wake();
  const [row] = await world.db.sql`select enabled from webhooks where id = ${second}`;
  expect(row).toEqual({ enabled: false });
  const [event] = await world.db.sql`select data from events where instance_id = ${instance}`;
  expect(event?.data).toMatchObject({ endpointId: second, url: two.url });
  await world.handle(world.texts(instance, 1));
  expect(bodies(one.received)).toEqual(["1", "2", "3", "4"]);
  expect(await statuses(instance, second)).toEqual(Array(3).fill("failed"));
  world.clock.reset();
});

test("an endpoint whose secret can't be decrypted keeps its events without delaying the other endpoints", async () => {
  const { one, two, instance, second } = await twoEndpoints();
  await world.db.sql`update webhooks set secret = '\\x00' where id = ${second}`;
  expect(await world.handle(world.texts(instance, 2))).toEqual([]);
  expect([one.received.length, two.received.length]).toEqual([2, 0]);
  expect(await statuses(instance, second)).toEqual(["pending", "pending"]);
  const secret = world.vault.seal(Buffer.from("found"), sealedPlace.webhookSecret(second));
  await world.db.sql`update webhooks set secret = ${secret} where id = ${second}`;
  world.clock.advance(60_000);
  await world.wake();
  expect(bodies(two.received)).toEqual(["1", "2"]);
  expect(two.received[0]?.headers["x-webhook-signature"]).toBe(hmac("found", two.received[0]?.body ?? ""));
});

test("each endpoint has its own time limit, retry count and retry interval", async () => {
  const hanging = await receiverOfTest(() => undefined);
  const one = await receiverOfTest();
  const instance = await world.instance({ url: one.url });
  const impatient = await world.addEndpoint(instance, { url: hanging.url, timeoutMs: 1_000, retryInterval: 600_000 });
  const record = world.record(instance, "message.received", text("1"));
  await world.handle([record]);
  const [delivery] = (await world.deliveries(instance)).filter(({ endpoint_id }) => endpoint_id === impatient);
  const [attempt] = await world.attempts(delivery?.id ?? "");
  expect(attempt?.error).toBe("timeout: no complete response within 1000 ms");
  expect((delivery?.next_at ?? 0) - world.clock.now().getTime()).toBeGreaterThan(500_000);

  const flaky = await receiverOfTest((request, response) =>
    response.writeHead(request.body.includes('"body":"bad"') ? 500 : 200).end(),
  );
  const other = await world.instance({ url: null });
  const never = await world.addEndpoint(other, { url: flaky.url, maxRetries: 0 });
  const twice = await world.addEndpoint(other, { url: flaky.url, maxRetries: 1 });
  const send = (body: string) => world.handle([world.record(other, "message.received", text(body))]);
  await send("bad");
  await send("good");
  world.clock.advance(60_000);
  await world.wake();
  expect(await statuses(other, never)).toEqual(["failed", "succeeded"]);
  const rows = (await world.deliveries(other)).filter(({ event_seq }) => event_seq === 1);
  expect(rows.map(({ endpoint_id, attempts }) => [endpoint_id, attempts])).toEqual(
    expect.arrayContaining([
      [never, 2],
      [twice, 2],
    ]),
  );
});

test("an endpoint with a long time limit is served from its backlog, by a run that has time for a whole attempt", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: null });
  await world.addEndpoint(instance, { url: receiver.url, timeoutMs: 60_000 });
  await world.handle(world.texts(instance, 2));
  expect(receiver.received).toEqual([]);
  expect(await world.wake({ budgetMs: 50_000 })).toEqual({ tried: 0 });
  expect(await world.wake({ budgetMs: 80_000 })).toEqual({ tried: 2 });
  expect(bodies(receiver.received)).toEqual(["1", "2"]);
});

test("an endpoint gets only the events that its list and its filters let through", async () => {
  const { one, two, instance, second } = await twoEndpoints();
  await world.db.sql`
    update webhooks set events = '["message.received"]', filters = '{"groups":false}' where id = ${second}`;
  const group = "120363000000000001@g.us";
  await world.handle([
    world.record(instance, "message.received", text("direct")),
    world.record(instance, "message.received", { ...text("group"), chatId: group, isGroup: true }),
    world.record(instance, "connection.open", { phoneNumber: "491555", lid: null, pushName: null }),
  ]);
  expect(one.received).toHaveLength(3);
  expect(bodies(two.received)).toEqual(["direct"]);
});

describe("a filter for a person matches by phone number and by LID", () => {
  const number = "79001234567@s.whatsapp.net";
  const lid = "123456@lid";
  const other = "79007654321@s.whatsapp.net";
  const seal = (instance: string, key: string, value: string) =>
    world.vault.seal(Buffer.from(JSON.stringify(value)), sealedPlace.sessionKey(instance, "lid-mapping", key));

  /** What links the number and the LID of the person in the database. */
  const links: Record<string, (instance: string) => PromiseLike<unknown>> = {
    contact: (instance) =>
      world.db.sql`insert into contacts (instance_id, jid, lid) values (${instance}, ${number}, ${lid})`,
    session: (instance) => world.db.sql`
      insert into session_keys (instance_id, type, key_id, value) values
        (${instance}, 'lid-mapping', '79001234567', ${seal(instance, "79001234567", "123456")}),
        (${instance}, 'lid-mapping', '123456_reverse', ${seal(instance, "123456_reverse", "79001234567")})`,
    account: (instance) =>
      world.db.sql`update instances set phone_number = '79001234567', lid = ${lid} where id = ${instance}`,
  };

  const message = { ...text("message"), source: "api" as const };
  const { mentions, context } = message;
  const about = {
    ...{ messageId: "3EB0", isGroup: false, by: "1@s.whatsapp.net", byLid: null, pushName: null, fromMe: true },
    ...{ timestamp: 1, known: true, readable: true, author: { id: "1@s.whatsapp.net", lid: null, fromMe: true } },
  };
  const records = (instance: string, chatId: string) => [
    world.record(instance, "message.sent", { ...message, chatId }),
    world.record(instance, "message.reaction", { ...about, chatId, emoji: "1", removed: false, reactionId: "3EB1" }),
    world.record(instance, "message.edited", { ...about, chatId, body: "new", content: null, mentions, context }),
    world.record(instance, "media.stored", {
      ...{ messageId: "3EB0", chatId, fromMe: false },
      media: { mimetype: "image/png", filename: null, size: 1, sha256: "ab", storageKey: "media/x/y" },
    }),
  ];

  test.each(
    Object.keys(links).flatMap((link) =>
      [number, lid].flatMap((spelling) => (["allow", "deny"] as const).map((list) => ({ link, list, spelling }))),
    ),
  )("$list $spelling, known from the $link", async ({ link, list, spelling }) => {
    const receiver = await receiverOfTest();
    const instance = await world.instance({ url: null });
    await world.addEndpoint(instance, { url: receiver.url, filters: { chats: { [list]: [spelling] } } });
    await links[link]?.(instance);
    const theirs = [...records(instance, number), ...records(instance, lid)];
    const others = records(instance, other);
    expect(await world.handle([...theirs, ...others])).toEqual([]);
    expect(receiver.received).toHaveLength(list === "allow" ? theirs.length : others.length);
    expect(receiver.received.filter(({ body }) => body.includes(other))).toHaveLength(
      list === "allow" ? 0 : others.length,
    );
  });

  test("a mapping that can't be decrypted doesn't stop the webhooks", async () => {
    const receiver = await receiverOfTest();
    const instance = await world.instance({ url: null });
    await world.addEndpoint(instance, { url: receiver.url, filters: { chats: { deny: [lid] } } });
    await world.db.sql`
      insert into session_keys (instance_id, type, key_id, value)
      values (${instance}, 'lid-mapping', '123456_reverse', '\\x00')`;
    await world.handle(world.texts(instance, 1));
    expect(receiver.received).toHaveLength(1);
  });
});

test.each([
  { what: "attempted at once", again: false },
  { what: "stored before their attempts", again: true },
])("Postgres does not plan the statements of each batch anew if deliveries are $what", async ({ again }) => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  // Postgres counts the plans of each connection.
  const db = openDatabase(world.url, { max: 1 });
  const own = {
    db,
    successes: new Successes(db),
    claims: new Claims({ db, log: world.deps.log }),
  };
  try {
    for (let batch = 0; batch < 12; batch++) {
      const records = world.texts(instance, 1);
      if (again) for (const record of records) received(record);
      expect(await world.handle(records, { patienceMs: 50_000, ...own })).toEqual([]);
    }
    const statements = await db.sql`
      select statement, custom_plans::int from pg_prepared_statements
      where custom_plans + generic_plans >= 12 order by 1`;
    expect(statements.length).toBeGreaterThanOrEqual(again ? 3 : 2);
    // Postgres tries five plans for the given values before it keeps one for all values.
    for (const statement of statements) expect(statement).toMatchObject({ custom_plans: 5 });
  } finally {
    await db.close();
  }
});
