import { expect, onTestFinished, test } from "vitest";
import { GatewayProcess } from "../support/gateway/gateway-process.ts";
import { until } from "../support/until.ts";

/** Within this time after a restart, everything that was under way goes on. Milliseconds. */
const resumedWithinMs = 15_000;

async function startScene() {
  const gate = await GatewayProcess.start();
  onTestFinished(() => gate.stop());
  const alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  const bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  return { gate, alice, bob, instance: await gate.linked(alice) };
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
  await until(async () => ids.every(({ id }) => arrived().has(id)) || undefined, 120_000);
  expect(performance.now() - started).toBeLessThan(resumedWithinMs);
});
