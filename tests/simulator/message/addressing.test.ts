import { jidEncode } from "@whiskeysockets/baileys";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { type Client, Log, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { endScene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let client: Client;
/** WhatsApp's answers to messages of the client, with their errors. */
const acks = new Log<{ id: string; error: string | undefined }>();

beforeAll(async () => {
  ({ wa, alice, bob, client } = await startScene());
  await client.pair(alice);
  client.sock.ws.on("CB:ack,class:message", ({ attrs }: { attrs: Record<string, string> }) =>
    acks.push({ id: attrs.id ?? "", error: attrs.error }),
  );
});
afterAll(() => endScene(wa, client));
beforeEach(() => {
  alice.account.lidMigrated = true;
  for (const rule of rules) wa.world.rules.restore(rule);
});

const rules = [
  "migrated_account_uses_lid",
  "unmigrated_account_uses_number",
  "one_kind_of_address_per_message",
  "no_devices_for_numbers",
] as const;

/** Sends a text of the client, and returns the error with which WhatsApp refuses it. */
async function errorOf(to: string): Promise<string | undefined> {
  const sent = await client.sock.sendMessage(to, { text: to });
  return (await acks.waitFor(({ id }) => id === sent?.key.id)).error;
}

test("the simulator refuses a message of a moved account to a number with 463", async () => {
  expect([await errorOf(bob.jid), await errorOf(bob.lidJid)]).toEqual(["463", undefined]);
  wa.world.rules.relax("migrated_account_uses_lid");
  expect(await errorOf(bob.jid)).toBeUndefined();
});

test("the simulator refuses a message of an account that is not moved to a LID with 400", async () => {
  alice.account.lidMigrated = false;
  expect([await errorOf(bob.lidJid), await errorOf(bob.jid)]).toEqual(["400", undefined]);
  wa.world.rules.relax("unmigrated_account_uses_number");
  expect(await errorOf(bob.lidJid)).toBeUndefined();
});

test("the simulator refuses a message that mixes numbers and LIDs with 400", async () => {
  const send = async (id: string) => {
    const { nodes } = await client.sock.createParticipantNodes([bob.jid], { conversation: id });
    const content = [{ tag: "participants", attrs: {}, content: nodes }];
    await client.sock.sendNode({ tag: "message", attrs: { id, to: bob.lidJid, type: "text" }, content });
    return (await acks.waitFor((ack) => ack.id === id)).error;
  };
  await errorOf(bob.lidJid);
  expect(await send("MIXED1")).toBe("400");
  wa.world.rules.relax("one_kind_of_address_per_message");
  expect(await send("MIXED2")).toBeUndefined();
});

test("the simulator returns devices for a LID, and only the LID for a number", async () => {
  const carol = await wa.addPhone({ number: "4915550000009", pushName: "Carol" });
  const devicesOf = async (jid: string) =>
    (await client.sock.getUSyncDevices([jid], false, false)).map((device) => device.jid);
  expect([await devicesOf(carol.jid), await devicesOf(carol.lidJid)]).toEqual([[], [carol.lidJid]]);
  expect(await client.sock.signalRepository.lidMapping.getLIDForPN(carol.jid)).toBe(carol.lidJid);
  expect(await devicesOf(alice.jid)).toEqual([alice.jid]);
  alice.account.lidMigrated = false;
  expect(await devicesOf(carol.jid)).toEqual([carol.jid]);
});

test("a phone may name people by number, whatever its account", async () => {
  const { id } = await bob.sendText(alice.number, "by number", { addressing: "pn" });
  const { key } = await client.waitForText("by number");
  expect(key).toMatchObject({ id, remoteJid: jidEncode(bob.number, "s.whatsapp.net"), remoteJidAlt: bob.lidJid });
});
