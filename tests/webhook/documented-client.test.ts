import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { sealedPlace } from "../../core/crypto/sealed-place.ts";
import { type Dialect, dialects } from "../../core/instance/instance.sql.ts";
import type { WebhookEvent } from "../../core/webhook/body/event.ts";
import { documentedTypes, eventName, isDocumented } from "../../core/webhook/body/name.ts";
import { hasWebhook, isDefault } from "../../core/webhook/body/selection.ts";
import { receiverOfTest } from "../support/network/receiver-of-test.ts";
import type { Answerer } from "../support/network/webhook-receiver.ts";
import { startWorld, type World } from "../support/webhook/delivery-setup.ts";
import { events } from "./events.ts";

// The tests use a real database, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** Returns an event of each type that an endpoint gets by default. */
const defaultsOf = (dialect: Dialect): WebhookEvent[] =>
  [...Map.groupBy<string, WebhookEvent>(Object.values(events), ({ type }) => type)].flatMap(([type, [first]]) =>
    first && hasWebhook(dialect, type) && isDefault(dialect, type) ? [first] : [],
  );

/**
 * Creates an instance with a new endpoint, whose receiver knows the documented events only, and answers others with
 * `status`. Returns what the receiver accepted.
 */
async function documentedClient(dialect: Dialect, status: number) {
  const names = documentedTypes[dialect].map((type) => eventName(dialect, type));
  const accepted: { event: string; data: Record<string, unknown> }[] = [];
  const answer: Answerer = (one, response) => {
    const body = JSON.parse(one.body);
    const known = names.includes(body.event);
    if (known) accepted.push(body);
    response.writeHead(known ? 200 : status).end();
  };
  const receiver = await receiverOfTest(answer);
  const instance = await world.instance({ url: receiver.url, dialect });
  return { instance, accepted, receiver, answer };
}

function recordOf(instance: string, { type, data }: WebhookEvent) {
  if (type !== "connection.qr") return world.record(instance, type, data);
  const sealedQr = world.vault.seal(Buffer.from("2@qr"), sealedPlace.qr(instance)).toString("base64");
  return world.record(instance, type, { sealedQr, expiresAt: "2030-01-01T00:00:00.000Z" });
}

describe.each(dialects)("%s: a program that knows only the documented events", (dialect) => {
  const all = defaultsOf(dialect);
  const others = all.filter(({ type }) => !isDocumented(dialect, type));
  const documented = all.filter(({ type }) => isDocumented(dialect, type));

  test.each([200, 204, 400, 404, 422, 501])(
    "gets them in order, and at once, if it answers %i to others",
    async (status) => {
      expect(others.length).toBeGreaterThan(documented.length);
      const { instance, accepted } = await documentedClient(dialect, status);
      const records = [...others, ...documented, ...others, ...documented].map((event) => recordOf(instance, event));
      expect(await world.handle(records)).toEqual([]);
      const expected = [...documented, ...documented].map(({ type }) => eventName(dialect, type));
      expect(accepted.map(({ event }) => event)).toEqual(expected);
      expect(await world.endpoint(instance)).toBeUndefined();
      const rows = await world.deliveries(instance);
      const refused = rows.filter(({ status }) => status === "pending");
      expect(refused).toHaveLength(status < 300 ? 0 : 2 * others.length);
      expect(rows).toHaveLength(records.length);
    },
  );

  test("keeps its endpoint when it refuses others for hours, and these can be replayed", async () => {
    const { instance, accepted } = await documentedClient(dialect, 400);
    await world.handle(others.map((event) => recordOf(instance, event)));
    for (let hour = 1; hour <= 6; hour++) {
      world.clock.advance(60 * 60_000);
      await world.wake();
      await world.handle(documented.map((event) => recordOf(instance, event)));
      expect(accepted).toHaveLength(hour * documented.length);
      expect(await world.endpoint(instance)).toBeUndefined();
    }
    const refused = (await world.deliveries(instance)).filter(({ status }) => status !== "succeeded");
    expect(refused).toMatchObject(others.map(() => ({ status: "failed", reason: "exhausted", attempts: 6 })));
    world.clock.reset();
  });

  test("loses no event to an outage in which it answers 404 to everything", async () => {
    const { instance, accepted, receiver, answer } = await documentedClient(dialect, 200);
    receiver.answer(404);
    await world.handle(others.map((event) => recordOf(instance, event)));
    for (let hour = 1; hour <= 24; hour++) {
      world.clock.advance(2 * 60 * 60_000);
      await world.wake();
    }
    receiver.answer(answer);
    await world.handle(documented.map((event) => recordOf(instance, event)));
    world.clock.advance(2 * 60 * 60_000);
    await world.wake();
    expect(accepted).toHaveLength(documented.length);
    const rows = await world.deliveries(instance);
    expect(rows).toMatchObject([...others, ...documented].map(() => ({ status: "succeeded" })));
    world.clock.reset();
  });

  test("gets them in order after it was unavailable, although the oldest event is one that it refuses", async () => {
    const { instance, accepted, receiver, answer } = await documentedClient(dialect, 400);
    receiver.answer(503);
    await world.handle([...others, ...documented].map((event) => recordOf(instance, event)));
    for (let hour = 1; hour <= 6; hour++) {
      world.clock.advance(2 * 60 * 60_000);
      await world.wake();
    }
    expect(await world.endpoint(instance)).toMatchObject({ state: "parked" });
    receiver.answer(answer);
    world.clock.advance(2 * 60 * 60_000);
    await world.wake();
    expect(accepted.map(({ event }) => event)).toEqual(documented.map(({ type }) => eventName(dialect, type)));
    expect(await world.endpoint(instance)).toBeUndefined();
    world.clock.reset();
  });
});

test("an event that its owner chose counts against the endpoint that refuses it", async () => {
  const receiver = await receiverOfTest(400);
  const instance = await world.instance({ url: null });
  const endpoint = await world.addEndpoint(instance, { url: receiver.url, events: ["message.edited"] });
  await world.handle([1, 2, 3].map(() => recordOf(instance, events.edited)));
  expect(await world.endpoint(endpoint)).toEqual({ state: "parked", failures: 3 });
});
