import { randomUUID } from "node:crypto";
import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../core/config.ts";
import { openQueues, type Queues } from "../../core/queue/index.ts";
import type { Phone } from "../../simulator/index.ts";
import { GatewayProcess } from "../support/gateway/gateway-process.ts";
import { until } from "../support/until.ts";

/** Within this time after a restart, everything that was under way goes on. Milliseconds. */
const resumedWithinMs = 15_000;

async function startScene(settings: Record<string, unknown> = {}, prepare = async (_: GatewayProcess) => {}) {
  const gate = await GatewayProcess.start();
  onTestFinished(() => gate.stop());
  await prepare(gate);
  const alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  const bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  return { gate, alice, bob, instance: await gate.linked(alice, settings) };
}

/** Waits until `ask` returns true, at most `resumedWithinMs` after `started`, as `performance.now()`. */
async function resumes(started: number, what: string, ask: () => Promise<boolean> | boolean): Promise<void> {
  await until(async () => (await ask()) || undefined, 120_000);
  expect(performance.now() - started, `${what} went on late`).toBeLessThan(resumedWithinMs);
}

test("webhooks that were under way at kill -9 arrive within 15 s of the restart", async () => {
  const { gate, alice, bob } = await startScene();
  const count = 200;
  gate.receiver.answer((_request, response) => void setTimeout(() => response.end("ok"), 20));
  const ids = await Promise.all(Array.from({ length: count }, (_, n) => bob.sendText(alice.number, `in ${n}`)));
  const arrived = () => new Set(gate.receiver.deliveries.map(({ body }) => body.data.messageId));
  await until(async () => arrived().size > 60 || undefined, 60_000);
  await gate.kill();
  expect(arrived().size).toBeLessThan(count);
  await gate.restart();
  const started = performance.now();
  expect(await gate.deadClaims()).toBe(0);
  await resumes(started, "webhooks", () => ids.every(({ id }) => arrived().has(id)));
}, 240_000);

const [sinkQueue, replyQueue] = ["events-all.fifo", "reply-tests.fifo"];

async function queuesOf(gate: GatewayProcess): Promise<Queues> {
  const queues = openQueues(readConfig(gate.env));
  onTestFinished(() => queues.client.destroy());
  for (const name of [sinkQueue, replyQueue]) {
    await queues.client.send(
      new CreateQueueCommand({ QueueName: `switchboard-${name}`, Attributes: { FifoQueue: "true" } }),
    );
  }
  return queues;
}

/** Receives and removes the messages of a queue. Returns a function that returns all bodies so far. */
function drain(queues: Queues, name: string) {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  const bodies: any[] = [];
  return async () => {
    const messages = await queues.receive(name, { waitSeconds: 0 });
    bodies.push(...messages.map(({ Body }) => JSON.parse(Body ?? "")));
    await queues.remove(
      name,
      messages.map(({ ReceiptHandle }) => ReceiptHandle ?? ""),
    );
    return bodies;
  };
}

test("sends, bulks, commands over SQS, replies and event queues go on within 15 s of a restart after kill -9", async () => {
  let queues: Queues | undefined;
  const { gate, bob, instance } = await startScene({ eventQueue: `switchboard-${sinkQueue}` }, async (starting) => {
    queues = await queuesOf(starting);
  });
  if (!queues) throw new Error("the queues were not created");
  const peers: Phone[] = [];
  for (let n = 10; n < 30; n++)
    peers.push(await gate.wa.addPhone({ number: `49155510000${n}`, pushName: `Peer ${n}` }));
  const recipients = peers.map(({ number }) => ({ phone: number }));
  const bulk = await gate.api("POST", `/api/whatsapp/${instance}/bulk`, {
    recipients,
    message: "to all",
    perMinute: 240,
  });
  expect(bulk.status).toBe(201);
  const requests = await sendOverSqs(gate, queues, instance, bob);
  const accepted = new Set<string>();
  const sending = Promise.allSettled(
    Array.from({ length: 80 }, async (_, n) => {
      const { status, body } = await gate.api("POST", `/api/whatsapp/${instance}/send`, {
        phone: bob.number,
        message: `out ${n}`,
      });
      if (status === 200) accepted.add(body.id);
    }),
  );
  const reached = () => peers.filter(({ inbox }) => inbox.messages.some(({ text }) => text === "to all")).length;
  await until(async () => (bob.inbox.messages.length > 15 && reached() > 1) || undefined, 60_000);
  await gate.kill();
  await sending;
  const reachedBefore = reached();

  await gate.restart();
  const started = performance.now();
  await resumes(started, "the bulk", () => reached() > reachedBefore);
  await resumes(started, "sends", () => {
    const shown = new Set(bob.inbox.messages.map(({ id }) => id));
    return [...accepted].every((id) => shown.has(id));
  });
  const replies = drain(queues, replyQueue);
  await resumes(started, "replies", async () => {
    const done = new Set((await replies()).filter(({ status }) => status === "done").map(({ id }) => id));
    return requests.every((id) => done.has(id));
  });
  await until(async () => reached() === peers.length || undefined, 60_000);
  const [head] = await gate.db.sql<{ seq: number }[]>`
    select event_seq::float8 as seq from instances where id = ${instance}`;
  const events = drain(queues, sinkQueue);
  const seqs = async () => new Set((await events()).map(({ seq }) => seq));
  await until(async () => (await seqs()).size >= (head?.seq ?? 0) || undefined, 30_000);
  for (const phone of [bob, ...peers]) {
    const texts = phone.inbox.messages.map(({ text }) => text);
    expect(new Set(texts).size).toBe(texts.length);
    expect(phone.errors).toEqual([]);
  }
  expect(gate.wa.unknown).toEqual([]);
}, 240_000);

/** Puts texts to Bob on the ingress queue. Returns the ids of the requests. */
async function sendOverSqs(gate: GatewayProcess, queues: Queues, instanceId: string, bob: Phone): Promise<string[]> {
  const ids = Array.from({ length: 20 }, () => randomUUID());
  for (const id of ids) {
    const input = { to: bob.number, text: `sqs ${id}` };
    const message = { v: 1, id, apiKey: gate.apiKey, instanceId, command: "message.sendText", input };
    const body = JSON.stringify({ ...message, replyTo: `switchboard-${replyQueue}` });
    await queues.send("command-ingress.fifo", { body, groupId: instanceId, deduplicationId: id });
  }
  return ids;
}

test("files of messages are fetched within 15 s of a restart after kill -9", async () => {
  const { gate, alice, bob, instance } = await startScene();
  const count = 24;
  const image = Buffer.alloc(2_000_000, 7);
  const stored = async () => {
    const [row] = await gate.db.sql<{ stored: number; pending: number }[]>`
      select (count(*) filter (where media->>'state' = 'stored'))::int as stored,
        (count(*) filter (where media->>'state' = 'pending'))::int as pending
      from messages where instance_id = ${instance} and media is not null`;
    return row ?? { stored: 0, pending: 0 };
  };
  const sending = (async () => {
    for (let n = 0; n < count; n++) await bob.sendImage(alice.number, image);
  })();
  await until(async () => {
    const now = await stored();
    return (now.stored > 0 && now.pending > 0) || undefined;
  }, 60_000);
  await gate.kill();
  await sending;
  await gate.restart();
  await resumes(performance.now(), "downloads", async () => (await stored()).stored === count);
}, 240_000);
