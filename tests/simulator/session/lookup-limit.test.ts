import { afterEach, beforeEach, expect, test } from "vitest";
import { LookupCounter } from "../../../simulator/model/limit/lookup-limits.ts";
import { Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { endScene, type Scene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let scene: Scene;

beforeEach(async () => {
  scene = await startScene();
  await scene.client.pair(scene.alice);
});

afterEach(() => endScene(scene.wa, scene.client));

test("the simulator answers too many look-ups of a device with 429", async () => {
  const { wa, alice, bob, client } = scene;
  const { id } = await client.sock.groupCreate("A group", [bob.jid]);
  const overLimit = { message: "rate-overlimit", data: 429 };
  const key = { tag: "key", attrs: {}, content: [{ tag: "user", attrs: { jid: bob.jid } }] };
  const prekeys = { tag: "iq", attrs: { to: "s.whatsapp.net", type: "get", xmlns: "encrypt" }, content: [key] };
  const lookups = [
    { kind: "account", rule: "account_lookup_limit", look: () => client.sock.onWhatsApp(bob.number) },
    { kind: "group", rule: "group_lookup_limit", look: () => client.sock.groupMetadata(id) },
    { kind: "prekey", rule: "prekey_lookup_limit", look: () => client.sock.query(prekeys) },
  ] as const;
  for (const { kind, rule, look } of lookups) {
    wa.world.lookupLimits[kind] = { burst: 2, perSecond: 0 };
    let answered = 0;
    const untilRefused = async (): Promise<never> => {
      for (; answered < 10; answered++) await look();
      throw new Error("not refused");
    };
    await expect(untilRefused()).rejects.toMatchObject(overLimit);
    expect(answered).toBeLessThanOrEqual(2);
    wa.world.rules.relax(rule);
    await look();
  }
  const other = new Client(wa);
  wa.world.rules.restore("account_lookup_limit");
  await other.pair(bob);
  expect(await other.sock.onWhatsApp(alice.number)).toHaveLength(1);
  await other.close();
});

test("a limit of look-ups allows a burst, and then the rate per second", () => {
  const counter = new LookupCounter();
  const take = (now: number) => counter.take("group", { burst: 3, perSecond: 2 }, now);
  expect([0, 0, 0, 0, 400, 500, 500, 999, 1000, 60_000].map(take)).toEqual([
    ...[true, true, true, false],
    ...[false, true, false, false, true, true],
  ]);
  expect([60_000, 60_000, 60_000].map(take)).toEqual([true, true, false]);
});
