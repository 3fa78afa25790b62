import { expect, test } from "vitest";
import { type Ciphertext, SignalStore } from "../../../simulator/phone/signal/signal-store.ts";

const text = (value: string) => Buffer.from(value);

/** Two phones with a session, in which each has received a message of the other. */
async function pair() {
  const alice = new SignalStore("alice");
  const bob = new SignalStore("bob");
  await alice.open("bob.0", bob.bundle());
  const toBob = async (value: string) => alice.encrypt("bob.0", text(value));
  const toAlice = async (value: string) => bob.encrypt("alice.0", text(value));
  const atBob = async (ciphertext: Ciphertext) => (await bob.decrypt("alice.0", ciphertext)).toString();
  const atAlice = async (ciphertext: Ciphertext) => (await alice.decrypt("bob.0", ciphertext)).toString();
  expect(await atBob(await toBob("first"))).toBe("first");
  expect(await atAlice(await toAlice("second"))).toBe("second");
  return { toBob, toAlice, atBob, atAlice };
}

test("a message that does not decrypt leaves the sessions as they are, also for a message that is sent meanwhile", async () => {
  const { toBob, toAlice, atBob, atAlice } = await pair();
  // This message has a new ratchet key, with which libsignal steps the ratchet before it checks the MAC.
  const good = await toBob("third");
  const damaged = { ...good, body: Buffer.from(good.body) };
  damaged.body[damaged.body.length - 1] = (damaged.body.at(-1) ?? 0) ^ 1;
  const [failed, sent] = await Promise.allSettled([atBob(damaged), toAlice("fourth")]);
  expect(failed.status).toBe("rejected");
  if (sent.status === "rejected") throw sent.reason;
  expect(await atAlice(sent.value)).toBe("fourth");
  expect(await atBob(good)).toBe("third");
  expect(await atAlice(await toAlice("fifth"))).toBe("fifth");
  expect(await atBob(await toBob("sixth"))).toBe("sixth");
});

test("a message for one of two sessions leaves the other one usable, whichever libsignal tries first", async () => {
  const alice = new SignalStore("alice");
  const bob = new SignalStore("bob");
  const toBob = async (value: string) => alice.encrypt("bob.0", text(value));
  const toAlice = async (value: string) => bob.encrypt("alice.0", text(value));
  const atBob = async (ciphertext: Ciphertext) => (await bob.decrypt("alice.0", ciphertext)).toString();
  const atAlice = async (ciphertext: Ciphertext) => (await alice.decrypt("bob.0", ciphertext)).toString();
  // Each opens a session with the other at the same time, so that each has two.
  await alice.open("bob.0", bob.bundle());
  await bob.open("alice.0", alice.bundle());
  const [first, second] = [await toBob("of alice"), await toAlice("of bob")];
  expect([await atBob(first), await atAlice(second)]).toEqual(["of alice", "of bob"]);
  for (let turn = 0; turn < 6; turn++) {
    const crossing = [await toBob(`${turn} out`), await toAlice(`${turn} in`)] as const;
    expect([await atBob(crossing[0]), await atAlice(crossing[1])]).toEqual([`${turn} out`, `${turn} in`]);
    expect(await atBob(await toBob(`${turn} out again`))).toBe(`${turn} out again`);
    expect(await atAlice(await toAlice(`${turn} in again`))).toBe(`${turn} in again`);
  }
});
