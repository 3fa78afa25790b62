import { setTimeout as sleep } from "node:timers/promises";

/** Calls `ask` until it returns a value other than undefined, and returns that value. Throws after `timeoutMs`. */
export async function until<Value>(ask: () => Promise<Value | undefined>, timeoutMs = 30_000): Promise<Value> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > end) throw new Error(`there was no answer within ${timeoutMs} ms: ${ask.toString()}`);
    await sleep(20);
  }
}

/**
 * Throws as soon as `ask` returns something else than undefined or false within this time. For what must not happen, where no
 * condition can be awaited: a slow machine weakens the check but doesn't fail it.
 */
export async function never(ask: () => Promise<unknown>, forMs: number): Promise<void> {
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    if (await ask()) throw new Error(`this happened within ${forMs} ms: ${ask.toString()}`);
    await sleep(20);
  }
}
