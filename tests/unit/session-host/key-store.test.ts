import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createVault } from "../../../core/crypto/index.ts";
import { openDatabase } from "../../../core/db/index.ts";
import { KeyStore } from "../../../session-host/baileys/key-store.ts";
import type { Change } from "../../../session-host/ledger/change.ts";

test("work that a transaction started in the background still stores its keys after the transaction has ended", async () => {
  const recorded: Change[] = [];
  const fail = (error: unknown) => {
    throw error;
  };
  const { keys } = new KeyStore({
    db: openDatabase("postgres://127.0.0.1:1/never-opened"),
    vault: createVault(new Map([[1, randomBytes(32)]]), 1),
    instanceId: "0198c5a0-0000-7000-8000-000000000001",
    record: (change) => recorded.push(change),
    fail,
  });
  const ended = Promise.withResolvers<void>();
  let background: Promise<void> | undefined;
  await keys.transaction(async () => {
    background = ended.promise.then(() =>
      keys.transaction(async () => keys.set({ tctoken: { late: { token: Buffer.from("late") } } }), "other"),
    );
    await keys.set({ tctoken: { early: { token: Buffer.from("early") } } });
  }, "first");
  ended.resolve();
  await background;
  expect(recorded.map((change) => change.keys?.map(({ id }) => id))).toEqual([["early"], ["late"]]);
});
