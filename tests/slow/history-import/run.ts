import { setTimeout as sleep } from "node:timers/promises";
import type { Phone } from "../../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import makeTemplate from "../../support/postgres.ts";
import { until } from "../../support/until.ts";
import { findHost, type HostMemory, memoryOf } from "./memory.ts";
import type { ImportOptions } from "./options.ts";

/** Runs the import, prints the figures, and returns whether all limits hold. */
export async function runImport(options: ImportOptions): Promise<boolean> {
  const removeTemplate = await makeTemplate();
  const gate = await startTestGateway({ host: "child" });
  try {
    const bob = await gate.wa.addPhone({ number: "4915550900002", pushName: "Bob" });
    const quiet = await gate.wa.addPhone({ number: "4915550900001", pushName: "Quiet" });
    const { messages, chats } = options;
    const owner = await gate.wa.addPhone({
      number: "4915550900000",
      pushName: "Owner",
      history: { messages, chats, days: 80 },
    });
    await gate.linked(quiet);
    const host = findHost();
    const before = await traffic(gate, { from: bob, to: quiet, ...options }, sleep(options.beforeSeconds * 1000));
    const idle = memoryOf(host);
    const startedAt = performance.now();
    const instance = await gate.linked(owner, "multi-instance", { history: "recent" });
    const peak = watch(host);
    const done = until(() => completion(gate, instance), 30 * 60_000);
    const [during, owned] = await Promise.all([
      traffic(gate, { from: bob, to: quiet, perMinute: options.perMinute / 2 }, done),
      traffic(gate, { from: bob, to: owner, perMinute: options.perMinute / 2 }, done),
    ]);
    const result = await done;
    const seconds = (performance.now() - startedAt) / 1000;
    return report(options, { before, during, owned, idle, peak: peak(), seconds, result });
  } finally {
    await gate.stop();
    await removeTemplate();
  }
}

async function completion(gate: TestGateway, instance: string) {
  const found = gate.receiver.deliveries.find(
    ({ body }) => body.event === "history_completed" && body.data.instanceId === instance,
  );
  return found?.body.data as { messages: number; failedParts: number } | undefined;
}

/** Samples the memory. Returns a function that stops, and returns the highest values. */
function watch(host: number): () => HostMemory {
  const peak: HostMemory = { host: 0, workers: 0 };
  const timer = setInterval(() => {
    const now = memoryOf(host);
    peak.host = Math.max(peak.host, now.host);
    peak.workers = Math.max(peak.workers, now.workers);
  }, 250);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

/** Sends texts at a constant rate until `end`. Returns the milliseconds from each text to its webhook. */
async function traffic(
  gate: TestGateway,
  { from, to, perMinute }: { from: Phone; to: Phone; perMinute: number },
  end: Promise<unknown>,
): Promise<number[]> {
  let running = true;
  const ended = end.finally(() => {
    running = false;
  });
  const late: Promise<number>[] = [];
  while (running) {
    const sentAt = performance.now();
    const { id } = await from.sendText(to.number, `live ${late.length}`);
    const told = gate.receiver.waitFor(({ body }) => body.data.messageId === id, 120_000);
    late.push(told.then(() => performance.now() - sentAt));
    await Promise.race([sleep(60_000 / perMinute), ended]);
  }
  await ended;
  return await Promise.all(late);
}

const percentile = (values: readonly number[], share: number) =>
  Math.round(values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0);

interface Figures {
  before: number[];
  /** To another instance of the host, and to the instance that imports. */
  during: number[];
  owned: number[];
  idle: HostMemory;
  peak: HostMemory;
  seconds: number;
  result: { messages: number; failedParts: number };
}

function report(options: ImportOptions, { before, during, owned, idle, peak, seconds, result }: Figures): boolean {
  const growth = peak.host - idle.host;
  const times = (values: number[]) =>
    `p50 ${percentile(values, 0.5)} ms, p95 ${percentile(values, 0.95)} ms, maximum ${percentile(values, 1)} ms`;
  console.log(`imported ${result.messages} messages in ${seconds.toFixed(0)} s, ${result.failedParts} failed parts`);
  console.log(`memory of the host: ${idle.host.toFixed(0)} MB before, at most ${peak.host.toFixed(0)} MB meanwhile`);
  console.log(`memory of its workers: at most ${peak.workers.toFixed(0)} MB`);
  console.log(`${before.length} messages before the import, from the phone to the webhook: ${times(before)}`);
  console.log(`${during.length} messages to another instance during the import: ${times(during)}`);
  console.log(`${owned.length} messages to the instance that imports: ${times(owned)}`);
  const failures = [
    result.messages !== options.messages && "not every message was imported",
    result.failedParts > 0 && "a part failed",
    growth > options.maxGrowth && `the memory of the host grew by ${growth.toFixed(0)} MB`,
    percentile([...during, ...owned], 0.95) > options.maxLate && "messages were late",
  ].filter(Boolean);
  for (const failure of failures) console.error(failure);
  return failures.length === 0;
}
