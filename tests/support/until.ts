import { setTimeout as sleep } from "node:timers/promises";

/** Asks until there is an answer. Throws when there is none in time. */
export async function until<Value>(ask: () => Promise<Value | undefined>, timeoutMs = 15_000): Promise<Value> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > end) throw new Error(`there was no answer within ${timeoutMs} ms: ${ask.toString()}`);
    await sleep(20);
  }
}
