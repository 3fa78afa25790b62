import { expect, test } from "vitest";
import { within } from "../../../core/timeout.ts";

const late = () => new Error("late");

test("work that settles in time settles the same way", async () => {
  await expect(within(60_000, Promise.resolve("done"), late)).resolves.toBe("done");
  await expect(within(60_000, Promise.reject(new Error("refused")), late)).rejects.toThrow("refused");
});

test("work that takes longer is rejected, and its later failure is handled", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  await expect(within(1, promise, late)).rejects.toThrow("late");
  reject(new Error("too late to matter"));
  await new Promise(setImmediate);
});
