import { afterEach, beforeEach, expect, test } from "vitest";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { type Client, mediaDispatcher, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { endScene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let client: Client;

beforeEach(async () => {
  ({ wa, alice, bob, client } = await startScene());
  await client.pair(alice);
});

afterEach(() => endScene(wa, client));

test("the simulator shows an account's presence and typing to another account", async () => {
  await client.sock.presenceSubscribe(bob.jid);
  bob.setPresence(true);
  await client.events.waitFor(
    ({ name, value }) => name === "presence.update" && JSON.stringify(value).includes('"available"'),
  );
  bob.setTyping(alice.number, "recording");
  await client.events.waitFor(
    ({ name, value }) => name === "presence.update" && JSON.stringify(value).includes("recording"),
  );
  await client.sock.sendPresenceUpdate("composing", bob.jid);
  await expect.poll(() => bob.notifications.map(({ tag }) => tag)).toContain("chatstate");
});

test("the simulator shows the presence and typing of others only to a device that is online", async () => {
  await client.sock.sendPresenceUpdate("unavailable");
  await client.sock.presenceSubscribe(bob.jid);
  await expect.poll(() => alice.account.available).toBe(false);
  const presenceUpdates = () => client.events.entries.filter(({ name }) => name === "presence.update");
  const before = presenceUpdates().length;
  bob.setPresence(true);
  bob.setTyping(alice.number, "composing");
  await bob.sendText(alice.number, "marker");
  await client.waitForText("marker");
  expect(presenceUpdates()).toHaveLength(before);
  await client.sock.sendPresenceUpdate("available");
  await expect.poll(() => JSON.stringify(presenceUpdates().slice(before))).toContain('"available"');
  await client.close();
  await expect.poll(() => alice.account.available).toBe(false);
});

test("the simulator treats a presence without a type as available", async () => {
  await client.sock.sendPresenceUpdate("unavailable");
  await expect.poll(() => alice.account.available).toBe(false);
  await client.sock.sendNode({ tag: "presence", attrs: { name: "Alice" } });
  await expect.poll(() => alice.account.available).toBe(true);
  expect(wa.device(alice.number).presences.at(-1)).toBe("available");
});

test("the simulator sets, returns and removes the profile pictures of accounts and groups", async () => {
  const image = await (await import("sharp"))
    .default({ create: { width: 64, height: 64, channels: 3, background: "red" } })
    .jpeg()
    .toBuffer();
  const group = bob.createGroup("Club", [alice.number]);
  for (const jid of [alice.jid, group.jid]) {
    await client.sock.updateProfilePicture(jid, image);
    const url = await client.sock.profilePictureUrl(jid, "image");
    const response = await fetch(url ?? "", { dispatcher: mediaDispatcher(wa) } as never);
    expect(Buffer.from(await response.arrayBuffer()).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
    await client.sock.removeProfilePicture(jid);
    await expect(client.sock.profilePictureUrl(jid, "image")).rejects.toThrow("item-not-found");
  }
  await expect(client.sock.profilePictureUrl(bob.jid)).rejects.toThrow("item-not-found");
});

test("the simulator returns the latest about text, privacy settings and block list", async () => {
  // The request of Baileys, which WhatsApp no longer uses.
  await expect(client.sock.updateProfileStatus("the old way")).rejects.toThrow("bad-request");
  const variables = { input: { text: "at work", ephemeral_duration_sec: 0 } };
  await client.sock.query({
    tag: "iq",
    attrs: { to: "s.whatsapp.net", type: "get", xmlns: "w:mex" },
    content: [
      { tag: "query", attrs: { query_id: "9152604461510864" }, content: Buffer.from(JSON.stringify({ variables })) },
    ],
  });
  expect(await client.sock.fetchStatus(alice.jid)).toMatchObject([{ status: { status: "at work" } }]);
  await client.sock.updateReadReceiptsPrivacy("none");
  expect(await client.sock.fetchPrivacySettings(true)).toMatchObject({ readreceipts: "none", online: "all" });
  await client.sock.sendMessage(bob.lidJid, { text: "learn the LID" });
  await client.sock.updateBlockStatus(bob.jid, "block");
  expect(await client.sock.fetchBlocklist()).toEqual([bob.lidJid]);
  await client.sock.updateBlockStatus(bob.jid, "unblock");
  expect(await client.sock.fetchBlocklist()).toEqual([]);
});

test("the simulator shares a changed push name between the phone and its clients", async () => {
  alice.setPushName("Alice II");
  await expect.poll(() => client.creds.me?.name).toBe("Alice II");
  await client.sock.updateProfileName("Alice III");
  await expect.poll(() => alice.pushName).toBe("Alice III");
});
