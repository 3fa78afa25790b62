import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MicroBatch } from "../../../core/micro-batch.ts";

/** A batch whose calls are ended by the test. */
function controlled(max?: number) {
  const calls: { items: number[]; end: (error?: Error) => void }[] = [];
  const batch = new MicroBatch<number>((items) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    calls.push({ items, end: (error) => (error ? reject(error) : resolve()) });
    return promise;
  }, max);
  return { batch, calls };
}

describe("a micro batch", () => {
  it("handles a single item at once, and the items that arrive meanwhile together, in order", async () => {
    const { batch, calls } = controlled();
    const added = [1, 2, 3].map((item) => batch.add(item));
    expect(calls.map(({ items }) => items)).toEqual([[1]]);
    calls[0]?.end();
    await added[0];
    await turn();
    expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3]]);
    calls[1]?.end();
    await Promise.all(added);
  });

  it("rejects the items of a failed call only", async () => {
    const { batch, calls } = controlled();
    const [first, second] = [batch.add(1), batch.add(2)];
    calls[0]?.end(new Error("refused"));
    await expect(first).rejects.toThrow("refused");
    await turn();
    calls[1]?.end();
    await expect(second).resolves.toBeUndefined();
  });

  it("passes at most so many items to one call", async () => {
    const { batch, calls } = controlled(2);
    const added = [1, 2, 3, 4].map((item) => batch.add(item));
    for (let call = 0; call < 3; call++) {
      calls[call]?.end();
      await turn();
    }
    await Promise.all(added);
    expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3], [4]]);
  });
});
