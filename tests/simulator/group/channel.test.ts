import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startControl } from "../../../simulator/control/server.ts";
import { type Phone, startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";
import { type Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { caller, endScene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let client: Client;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "switchboard-channel-"));
  ({ wa, alice, bob, client } = await startScene({ wa: { stateFile: join(directory, "state") } }));
  await client.pair(alice);
});

afterEach(async () => {
  await endScene(wa, client);
  // One test replaces `wa`, so `endScene` does not check the phones of the first server.
  for (const phone of [alice, bob]) expect(phone.errors).toEqual([]);
  await rm(directory, { recursive: true, force: true });
});

test("the simulator lets a client create a channel, send a channel post to all followers, and delete the channel", async () => {
  const { id, name, invite } = await client.sock.newsletterCreate("News", "what is new");
  expect(name).toBe("News");
  bob.channels.follow(invite ?? "");
  const seen = await client.sock.newsletterMetadata("invite", invite ?? "");
  expect(seen).toMatchObject({ id, thread_metadata: { subscribers_count: "1" }, viewer_metadata: { role: "OWNER" } });
  const sent = await client.sock.sendMessage(id, { text: "hello, all" });
  expect(await bob.waitFor(({ text }) => text === "hello, all")).toMatchObject({ chat: id, from: id, fromMe: false });
  expect(await alice.waitFor(({ text }) => text === "hello, all")).toMatchObject({ chat: id, fromMe: true });
  bob.channels.react(id, sent?.key.id ?? "", "👍");
  const updates = await client.sock.newsletterFetchMessages(id, 10, 0, 0);
  expect(JSON.stringify(updates)).toContain('"code":"👍"');
  await client.sock.newsletterUpdateName(id, "Old news");
  expect(bob.channels.followed).toMatchObject([{ name: "Old news" }]);
  await client.sock.newsletterDelete(id);
  expect(bob.channels.followed).toEqual([]);
  await expect(client.sock.newsletterMetadata("jid", id)).rejects.toThrow("Not Found");
});

test("the simulator delivers channel posts to a follower that was offline, which can mute and react, but can't send channel posts", async () => {
  const { jid } = bob.channels.create("Bob's");
  await client.sock.newsletterFollow(jid);
  await client.close();
  const id = bob.channels.post(jid, "while you were away");
  await client.login();
  const received = await client.waitForText("while you were away");
  expect(received.key).toMatchObject({ remoteJid: jid, id, fromMe: false, server_id: "100" });
  await client.sock.newsletterMute(jid);
  expect(alice.channels.isMuted(jid)).toBe(true);
  await client.sock.newsletterReactMessage(jid, "100", "❤️");
  expect(bob.channels.posts(jid)).toMatchObject([{ id, reactions: { "❤️": 1 } }]);
  await expect(client.sock.newsletterUpdateName(jid, "mine")).rejects.toThrow("only admins");
  await client.sock.sendMessage(jid, { text: "me too" });
  await client.sock.newsletterUnfollow(jid);
  expect(alice.channels.followed).toEqual([]);
  expect(bob.channels.posts(jid)).toHaveLength(1);
});

test("the simulator rejects a channel post whose file is not channel media", async () => {
  const { id } = await client.sock.newsletterCreate("News");
  const acked = new Promise<string | undefined>((resolve) =>
    client.sock.ws.on("CB:ack,class:message", ({ attrs }: { attrs: Record<string, string> }) => resolve(attrs.error)),
  );
  await client.sock.sendMessage(id, { document: Buffer.from("a file"), mimetype: "text/plain", fileName: "a.txt" });
  expect(await acked).toBe("479");
  expect(alice.channels.posts(id)).toEqual([]);
});

test("the control API creates, follows and lists channels, and sends channel posts", async () => {
  const control = await startControl(wa);
  const call = caller(control);
  const made = await call("POST", `/phones/${alice.number}/channels`, { name: "News" });
  const { jid, inviteCode } = (made.json ?? {}) as { jid: string; inviteCode: string };
  await call("POST", `/phones/${bob.number}/channels/${inviteCode}/follow`);
  expect((await call("POST", `/phones/${bob.number}/channels/${jid}/posts`, { text: "me too" })).status).toBe(409);
  const posted = await call("POST", `/phones/${alice.number}/channels/${jid}/posts`, { text: "hello" });
  const { id } = posted.json as { id: string };
  expect(await bob.waitFor((message) => message.id === id)).toMatchObject({ chat: jid, text: "hello" });
  const followers = [{ role: "owner" }, { jid: bob.jid, role: "subscriber", muted: false }];
  expect((await call("GET", "/channels")).json).toMatchObject([{ jid, followers, posts: [{ id, text: "hello" }] }]);
  expect((await call("POST", `/phones/${bob.number}/channels/${jid}/unfollow`)).status).toBe(204);
  expect(bob.channels.followed).toEqual([]);
  await control.stop();
});

test("the simulator restores channels after a restart", async () => {
  const { jid, inviteCode } = bob.channels.create("Bob's", "of Bob");
  alice.channels.follow(inviteCode);
  alice.channels.setMuted(jid, true);
  const id = bob.channels.post(jid, "kept");
  alice.channels.react(jid, id, "👍");
  await client.close();
  await wa.stop();
  wa = await startWhatsApp({ stateFile: join(directory, "state") });
  const restored = wa.phone(alice.number);
  expect(restored?.channels.followed).toMatchObject([{ jid, name: "Bob's", description: "of Bob", inviteCode }]);
  expect(restored?.channels.isMuted(jid)).toBe(true);
  expect(restored?.channels.posts(jid)).toMatchObject([{ id, text: "kept", reactions: { "👍": 1 } }]);
});
