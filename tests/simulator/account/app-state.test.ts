import { afterEach, beforeEach, expect, test } from "vitest";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { endScene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let client: Client;

beforeEach(async () => {
  ({ wa, alice, bob, client } = await startScene({
    client: { appStateMacVerification: { patch: true, snapshot: true } },
  }));
  await client.pair(alice);
  // Baileys increments the counter at the end of its first synchronization, which follows the history.
  await expect.poll(() => client.creds.accountSyncCounter).toBe(1);
});

afterEach(() => endScene(wa, client));

test("the simulator applies a client's changes of the app state on the phone, with valid MACs", async () => {
  await client.sock.chatModify({ pin: true }, bob.jid);
  await expect.poll(() => alice.appState.get("pin_v1", bob.jid)).toMatchObject({ pinAction: { pinned: true } });
  await client.sock.chatModify({ pin: false }, bob.jid);
  await expect.poll(() => alice.appState.get("pin_v1", bob.jid)).toMatchObject({ pinAction: { pinned: false } });
  await client.sock.addLabel(bob.jid, { id: "7", name: "VIP", color: 3 });
  await expect.poll(() => alice.appState.get("label_edit", "7")).toMatchObject({ labelEditAction: { name: "VIP" } });
});

test("the simulator applies the phone's change of the app state on its client, which then changes the same entry", async () => {
  alice.appState.set("regular_low", ["pin_v1", bob.jid], { pinAction: { pinned: true } }, 5);
  await client.events.waitFor(({ name, value }) => name === "chats.update" && JSON.stringify(value).includes("pinned"));
  await client.sock.chatModify({ pin: false }, bob.jid);
  await expect.poll(() => alice.appState.get("pin_v1", bob.jid)).toMatchObject({ pinAction: { pinned: false } });
});

test("the simulator gives a newly linked device the current app state", async () => {
  await client.sock.addLabel(bob.jid, { id: "7", name: "VIP", color: 3 });
  const second = new Client(wa);
  await second.pair(alice);
  await second.events.waitFor(({ name, value }) => name === "labels.edit" && JSON.stringify(value).includes("VIP"));
  await client.sock.addChatLabel(bob.jid, "7");
  await second.events.waitFor(({ name }) => name === "labels.association");
  await second.close();
});
