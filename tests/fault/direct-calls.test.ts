import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../core/config.ts";
import { openQueues } from "../../core/queue/index.ts";
import type { Phone } from "../../simulator/index.ts";
import { GatewayProcess } from "../support/gateway/gateway-process.ts";
import { randomOf } from "../support/random.ts";
import { until } from "../support/until.ts";

/** Number of kills, each at another time. */
const rounds = Number(process.env.FAULT_ROUNDS ?? 2);
const seed = Number(process.env.FAULT_SEED ?? 20261130);
/** Texts of each caller in a round. */
const count = 40;
/** Latest time of a kill after the first text of a round, in milliseconds. */
const lastMoment = 1_200;

/** Sends a text until the API accepts it, under one key, also while the gateway is down. */
async function send(gate: GatewayProcess, instance: string, phone: string, message: string): Promise<void> {
  const headers = { "idempotency-key": randomUUID() };
  await until(async () => {
    const answer = await gate
      .api("POST", `/api/whatsapp/${instance}/send`, { phone, message }, headers)
      .catch(() => undefined);
    return answer?.status === 200 || undefined;
  }, 90_000);
}

// The API and the host share the process. Without direct calls, commands go over SQS.
test.each([["true"], ["false"]])(
  `texts arrive once and in the order of each caller when the gateway is killed, with DIRECT_CALLS=%s (seed ${seed})`,
  async (direct) => {
    const gate = await GatewayProcess.start("inside", { DIRECT_CALLS: direct });
    onTestFinished(() => gate.stop());
    const alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
    const peers: Phone[] = [];
    for (let n = 2; n < 6; n++)
      peers.push(await gate.wa.addPhone({ number: `491555000000${n}`, pushName: `Peer ${n}` }));
    const instance = await gate.linked(alice);
    const random = randomOf(seed);
    const expected: string[] = [];
    const overSqs: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const texts = Array.from({ length: count }, (_, n) => `${round} ${n}`);
      expected.push(...texts);
      const sending = peers.map(async ({ number }) => {
        for (const text of texts) await send(gate, instance, number, text);
      });
      overSqs.push(...(await sendOverSqs(gate, instance, peers[0]?.number ?? "")));
      await sleep(random() * lastMoment);
      await gate.kill();
      await gate.restart();
      await Promise.all(sending);
    }
    const textsAt = (phone: Phone) => phone.inbox.messages.map(({ text }) => text ?? "");
    for (const [index, peer] of peers.entries()) {
      const isWanted = (text: string) => !text.startsWith("sqs");
      await until(async () => textsAt(peer).filter(isWanted).length >= expected.length || undefined, 60_000);
      expect(textsAt(peer).filter(isWanted), `texts at peer ${index}`).toEqual(expected);
      expect(peer.errors).toEqual([]);
    }
    const [first] = peers;
    const sqsTexts = () => (first ? textsAt(first).filter((text) => text.startsWith("sqs")) : []);
    await until(async () => sqsTexts().length >= overSqs.length || undefined, 60_000);
    expect(sqsTexts().toSorted()).toEqual(overSqs.toSorted());
    const open = () => gate.db.sql`select from commands where status in ('queued', 'claimed')`;
    await until(async () => (await open()).length === 0 || undefined, 30_000);
    expect(gate.wa.unknown).toEqual([]);
  },
  300_000,
);

/** Puts texts on the ingress queue, whose commands always go over the queue of their shard. Returns the texts. */
async function sendOverSqs(gate: GatewayProcess, instanceId: string, to: string): Promise<string[]> {
  const queues = openQueues(readConfig(gate.env));
  const texts = Array.from({ length: 10 }, () => `sqs ${randomUUID()}`);
  for (const text of texts) {
    const message = {
      v: 1,
      id: randomUUID(),
      apiKey: gate.apiKey,
      instanceId,
      command: "message.sendText",
      input: { to, text },
    };
    await queues.send("command-ingress.fifo", {
      ...{ body: JSON.stringify(message), groupId: instanceId, deduplicationId: message.id },
    });
  }
  queues.client.destroy();
  return texts;
}
