import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { type FileServer, startFileServer } from "../../support/network/file-server.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let files: FileServer;
let owner: Phone;
let bob: Phone;
let id: string;
let unlinked: string;

const face = png(8);
const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.from("a picture")]);

beforeAll(async () => {
  gate = await startTestGateway();
  files = await startFileServer({
    "/face.jpg": { body: jpeg, type: "image/jpeg" },
    "/face.png": { body: face, type: "image/png" },
  });
  bob = await gate.wa.addPhone({ number: "4915550400002", pushName: "Bob" });
  const history = [{ with: bob.number, messages: [{ text: "long ago", timestamp: 1_700_000_000 }] }];
  owner = await gate.wa.addPhone({ number: "4915550400001", pushName: "Owner", history });
  [id, unlinked] = await Promise.all([gate.linked(owner, "gateway"), gate.createInstance("gateway")]);
}, 120_000);
afterAll(async () => {
  await Promise.all([gate.stop(), files.stop()]);
  expectNoComplaints(gate.wa);
});

const get = (rest = "", instance = id) => gate.api("GET", `/api/channels/${instance}${rest}`);
const send = (method: string, rest: string, body?: unknown, instance = id) =>
  gate.api(method, `/api/channels/${instance}${rest}`, body === undefined ? {} : { body });
const message = (method: string, rest: string, body: object) =>
  gate.api(method, `/api/message/${rest}`, { body: { instanceId: id, ...body } });
const ok = (data: unknown) => ({ status: 200, body: { success: true, data } });
const rejection = (status: number, code: string) => ({ status, body: { success: false, code } });
const invalid = rejection(400, "invalid_request");
const nowhere = "120363999999999999";
const listed = async (jid: string) =>
  // biome-ignore lint/suspicious/noExplicitAny: an answer of any shape
  (await get()).body.data.find((one: any) => one.id === jid);
const webhook = (type: string, messageId: string) =>
  gate.receiver.waitFor(({ body }) => body.event === type && body.data.messageId === messageId);
const history = async (jid: string) => (await gate.api("GET", `/api/message/chat/${id}/${jid}`)).body.data;

describe("channels of another account", () => {
  test("a channel is followed by id, link or code, listed, and unfollowed", async () => {
    const { jid, id: digits, inviteCode } = bob.channels.create("Bob's news", "of Bob");
    const known = { id: jid, name: "Bob's news", description: "of Bob", inviteCode, isMuted: false, verified: false };
    const inviteUrl = `https://whatsapp.com/channel/${inviteCode}`;
    for (const name of [jid, digits, inviteCode]) {
      expect(await get(`/${name}`)).toMatchObject(ok({ ...known, role: "guest" }));
    }
    expect(await get(`/invite/${inviteCode}`)).toMatchObject(ok({ ...known, inviteUrl, role: "guest" }));
    expect(await listed(jid)).toBeUndefined();
    for (const name of [digits, jid, inviteCode]) {
      expect(await send("POST", `/${name}/follow`)).toMatchObject(ok({ ...known, role: "subscriber" }));
    }
    expect(owner.channels.followed).toMatchObject([{ jid }]);
    expect(await listed(jid)).toMatchObject({ ...known, role: "subscriber", subscribersCount: 1, mutedUntil: null });
    for (const _again of [1, 2]) {
      expect(await send("POST", `/${digits}/unfollow`)).toMatchObject(ok({ channelId: jid }));
    }
    expect(owner.channels.followed).toEqual([]);
    expect(await listed(jid)).toBeUndefined();
  });

  test("a channel is muted until the requested time or an earlier unmute", async () => {
    const { jid, id: digits } = bob.channels.create("Loud");
    owner.channels.follow(jid);
    await until(async () => (await listed(jid)) || undefined);
    const before = Date.now();
    const answer = await send("POST", `/${digits}/mute`, { duration: 86400 });
    expect(answer).toMatchObject(ok({ channelId: jid }));
    const until24h = Date.parse(answer.body.data.mutedUntil) - before - 86_400_000;
    expect(Math.abs(until24h)).toBeLessThan(60_000);
    expect(owner.channels.isMuted(jid)).toBe(true);
    expect(await listed(jid)).toMatchObject({ isMuted: true, mutedUntil: answer.body.data.mutedUntil });
    expect(await send("POST", `/${digits}/unmute`)).toMatchObject(ok({ channelId: jid }));
    expect(owner.channels.isMuted(jid)).toBe(false);
    expect(await listed(jid)).toMatchObject({ isMuted: false, mutedUntil: null });
    expect(await send("POST", `/${digits}/mute`)).toMatchObject(ok({ channelId: jid, mutedUntil: null }));
    await send("POST", `/${digits}/mute`, { duration: 1 });
    expect(owner.channels.isMuted(jid)).toBe(true);
    await until(async () => !owner.channels.isMuted(jid) || undefined);
    await until(async () => (await listed(jid)).isMuted === false || undefined);
    expect(await listed(jid)).toMatchObject({ isMuted: false, mutedUntil: null });
  });

  test("the list follows channels that are followed, muted, renamed and deleted on a phone", async () => {
    const { jid } = bob.channels.create("Phone's");
    owner.channels.follow(jid);
    await until(async () => (await listed(jid))?.name === "Phone's" || undefined);
    owner.channels.setMuted(jid, true);
    await until(async () => (await listed(jid)).isMuted || undefined);
    bob.channels.rename(jid, { name: "Renamed", description: "anew" });
    await until(async () => (await listed(jid)).name === "Renamed" || undefined);
    expect(await listed(jid)).toMatchObject({ description: "anew", isMuted: true, role: "subscriber" });
    bob.channels.remove(jid);
    await until(async () => (await listed(jid)) === undefined || undefined);
  });

  test("an edit or deletion of a post from before the account followed the channel has a webhook", async () => {
    const { jid, id: digits } = bob.channels.create("Old posts");
    const [edited, deleted] = [bob.channels.post(jid, "old"), bob.channels.post(jid, "older")];
    await send("POST", `/${digits}/follow`);
    bob.channels.edit(jid, edited, "new");
    const author = { participant: jid, fromMe: false };
    const edit = { chatId: jid, participant: jid, author, body: "new", known: false, readable: true };
    expect((await webhook("message.edited", edited)).body.data).toMatchObject(edit);
    bob.channels.revoke(jid, deleted);
    expect((await webhook("message.deleted", deleted)).body.data).toMatchObject({ chatId: jid, author, known: false });
    expect(await history(jid)).toEqual([]);
  });

  test("a channel post reaches the history and the webhook once, with its reactions, edits and file", async () => {
    const { jid, id: digits } = bob.channels.create("Posts");
    await send("POST", `/${digits}/follow`);
    const posted = bob.channels.post(jid, "good morning");
    const { body } = await webhook("message.received", posted);
    expect(body.data).toMatchObject({ from: jid, chatId: jid, isGroup: false, participant: null, phoneNumber: null });
    expect(body.data.message).toEqual({ conversation: "good morning" });
    const entry = { messageId: posted, fromMe: false, from: jid, body: "good morning", status: "received" };
    expect(await history(jid)).toMatchObject([entry]);
    const chats = await gate.api("GET", `/api/message/chats/${id}`);
    expect(chats.body.data).toContainEqual(expect.objectContaining({ id: jid, name: "Posts", isGroup: false }));
    const reaction = { chatId: jid, messageId: posted, emoji: "👍" };
    expect(await message("PUT", "reaction", reaction)).toMatchObject(ok({ messageId: posted }));
    expect(bob.channels.posts(jid)).toMatchObject([{ reactions: { "👍": 1 } }]);
    const posts = await get(`/${digits}/messages?limit=5`);
    const reactions = [{ emoji: "👍", count: 1 }];
    expect(posts).toMatchObject(
      ok([{ messageId: posted, serverId: 100, body: "good morning", fromMe: false, reactions }]),
    );
    expect(await message("PUT", "reaction", { ...reaction, emoji: "" })).toMatchObject({ status: 200 });
    expect(bob.channels.posts(jid)).toMatchObject([{ reactions: {} }]);
    expect(await message("POST", "seen", { chatId: jid })).toMatchObject(ok({ messages: 1 }));
    bob.channels.edit(jid, posted, "good evening");
    await until(
      async () => (await history(jid)).some((one: { body: string }) => one.body === "good evening") || undefined,
    );
    const image = bob.channels.postImage(jid, jpeg, "look");
    const withFile = await webhook("message.received", image);
    expect(withFile.body.data.message).toMatchObject({ imageMessage: { caption: "look", fileLength: jpeg.length } });
    const file = await until(async () => {
      const answer = await fetch(new URL(`/api/instances/${id}/messages/${image}/media`, gate.gateway.url), {
        headers: { "x-api-key": gate.gateway.firstAdmin?.apiKey.key ?? "" },
      });
      return answer.ok ? Buffer.from(await answer.arrayBuffer()) : undefined;
    });
    expect(file.equals(jpeg)).toBe(true);
  });

  test("a subscriber who posts to, changes or deletes a channel gets 403, and an unknown channel gets 404", async () => {
    const { jid, id: digits } = bob.channels.create("Only Bob's");
    await send("POST", `/${digits}/follow`);
    const sent = await message("POST", "send/text", { to: jid, message: "me too" });
    expect(sent).toMatchObject(ok({ to: jid }));
    expect((await webhook("message.failed", sent.body.data.messageId)).body.data).toMatchObject({ chatId: jid });
    expect(bob.channels.posts(jid)).toEqual([]);
    expect(await send("PUT", `/${digits}`, { name: "Mine" })).toMatchObject(rejection(403, "forbidden"));
    expect(await send("DELETE", `/${digits}`)).toMatchObject(rejection(403, "forbidden"));
    for (const [method, rest] of [
      ["GET", ""],
      ["GET", "/messages"],
      ["DELETE", ""],
      ["POST", "/follow"],
      ["POST", "/unfollow"],
      ["POST", "/mute"],
      ["POST", "/unmute"],
    ] as const) {
      expect(await send(method, `/${nowhere}${rest}`)).toMatchObject(rejection(404, "channel_not_found"));
    }
    expect(await get("/invite/0029VaNobodyNobodyNobody")).toMatchObject(rejection(404, "channel_not_found"));
    bob.channels.promote(jid, owner.number);
    await until(async () => (await listed(jid)).role === "admin" || undefined);
    const posted = await message("POST", "send/text", { to: jid, message: "now I may" });
    expect(await bob.waitFor(({ text }) => text === "now I may")).toMatchObject({ id: posted.body.data.messageId });
  });
});

test("a channel post is acknowledged only after it is stored, and a repeated post is stored once", async () => {
  const { jid } = bob.channels.create("Safe");
  await send("POST", `/${jid}/follow`);
  const device = gate.wa.device(owner.number);
  const isKept = (messageId: string) => [...device.kept].some(({ attrs }) => attrs.id === messageId);
  const release = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const lock = gate.db.sql.begin(async (sql) => {
    await sql`lock table messages in share mode`;
    locked.resolve();
    await release.promise;
  });
  await locked.promise;
  const posted = bob.channels.post(jid, "once");
  await until(async () => (await gate.db.sql`select 1 from pg_locks where not granted`).length > 0 || undefined);
  expect(isKept(posted)).toBe(true);
  device.faults.cut();
  release.resolve();
  await lock;
  await until(async () => !isKept(posted) || undefined);
  await gate.status(id, "connected");
  const after = bob.channels.post(jid, "afterwards");
  await webhook("message.received", after);
  expect(gate.receiver.deliveries.filter(({ body }) => body.data.messageId === posted)).toHaveLength(1);
  expect(await history(jid)).toMatchObject([{ messageId: after }, { messageId: posted }]);
});

describe("channels of the instance's account", () => {
  test("a channel is created with a picture, renamed, and deleted for everyone", async () => {
    const picture = files.url("/face.jpg");
    const made = await send("POST", "", { name: "Ours", description: "about us", picture });
    expect(made).toMatchObject({ status: 201, body: { data: { name: "Ours", role: "owner", hasPicture: true } } });
    const { id: jid, inviteCode } = made.body.data;
    const there = bob.channels.follow(inviteCode);
    expect(there).toMatchObject({ jid, name: "Ours", description: "about us" });
    expect(gate.wa.media.get(there.picture ?? "")?.equals(jpeg)).toBe(true);
    expect(await listed(jid)).toMatchObject({ name: "Ours", role: "owner", inviteCode });
    expect(await send("PUT", `/${jid}`, { name: "Ours anew" })).toMatchObject(ok({ channelId: jid }));
    expect(bob.channels.followed).toContainEqual(expect.objectContaining({ jid, name: "Ours anew" }));
    expect(await listed(jid)).toMatchObject({ name: "Ours anew", description: "about us" });
    expect(await send("POST", `/${jid}/unfollow`)).toMatchObject(rejection(403, "forbidden"));
    expect(await send("DELETE", `/${jid}`)).toMatchObject(ok({ channelId: jid }));
    expect(bob.channels.followed.map((one) => one.jid)).not.toContain(jid);
    expect(await listed(jid)).toBeUndefined();
  });

  test("a follower receives texts and files of a channel, with their edits and deletions", async () => {
    const { id: jid, inviteCode } = (await send("POST", "", { name: "Carrier" })).body.data;
    bob.channels.follow(inviteCode);
    const sent = await message("POST", "send/text", { to: jid, message: "hello, all" });
    const { messageId } = sent.body.data;
    const seen = await bob.waitFor(({ id: one }) => one === messageId);
    expect(seen).toMatchObject({ chat: jid, from: jid, text: "hello, all", copies: 1 });
    await webhook("message.sent", messageId);
    expect(await owner.waitFor(({ id: one }) => one === messageId)).toMatchObject({ fromMe: true });
    expect(await message("PUT", "reaction", { chatId: jid, messageId, emoji: "❤️" })).toMatchObject({ status: 200 });
    expect(bob.channels.posts(jid)).toMatchObject([{ id: messageId, reactions: { "❤️": 1 } }]);
    const edited = await gate.api("PUT", `/api/message/${id}/${messageId}`, { body: { message: "hello again" } });
    expect(edited).toMatchObject({ status: 200 });
    expect(seen).toMatchObject({ text: "hello again", edited: true });
    const image = await message("POST", "send/image", { to: jid, image: files.url("/face.png"), caption: "us" });
    const shown = await bob.waitFor(({ id: one }) => one === image.body.data.messageId);
    expect(shown).toMatchObject({ kind: "image", text: "us" });
    expect(bob.download(shown).equals(face)).toBe(true);
    const quoted = await message("POST", "send/text", { to: jid, message: "so", quotedMessageId: messageId });
    expect(quoted).toMatchObject(rejection(501, "not_supported"));
    expect(await gate.api("DELETE", `/api/message/${id}/${messageId}`)).toMatchObject({ status: 200 });
    expect(seen.deleted).toBe(true);
    const mine = owner.channels.post(jid, "from the phone");
    await webhook("message.sent", mine);
    expect(await history(jid)).toMatchObject([
      { messageId: mine, fromMe: true },
      { type: "image" },
      { messageId, body: "hello again", reactions: [{ emoji: "❤️", fromMe: true }] },
    ]);
    const webhooks = gate.receiver.deliveries.filter(({ body }) => body.data.messageId === messageId);
    expect(webhooks.map(({ body }) => body.event).filter((event) => /sent|received/.test(event))).toEqual([
      "message.sent",
    ]);
  });
});

test("a request with an invalid channel gets 400, and a request while the instance is not connected gets 409", async () => {
  for (const bad of ["4915550400002", "12@g.us", "x", "not%20a%20code"]) {
    expect(await send("POST", `/${bad}/mute`)).toMatchObject(bad === "4915550400002" ? { status: 404 } : invalid);
  }
  for (const duration of [0, -1, 1.5, "86400", 31_536_001]) {
    expect(await send("POST", `/${nowhere}/mute`, { duration })).toMatchObject(invalid);
  }
  for (const body of [{}, { name: " " }, { name: "x".repeat(101) }, { name: "x", picture: "nowhere" }]) {
    expect(await send("POST", "", body)).toMatchObject(invalid);
  }
  expect(await send("PUT", `/${nowhere}`, {})).toMatchObject(invalid);
  expect(await get(`/${nowhere}/messages?limit=101`)).toMatchObject(invalid);
  expect(await get(`/${nowhere}/messages?after=x`)).toMatchObject(invalid);
  expect(
    await message("POST", "send/location", { to: `${nowhere}@newsletter`, latitude: 1, longitude: 1 }),
  ).toMatchObject(invalid);
  const png = await send("POST", "", { name: "x", picture: files.url("/face.png") });
  expect(png).toMatchObject(rejection(501, "not_supported"));
  const away = rejection(409, "instance_not_connected");
  expect(await get("", unlinked)).toMatchObject(ok([]));
  expect(await get(`/${nowhere}`, unlinked)).toMatchObject(away);
  expect(await send("POST", `/${nowhere}/follow`, undefined, unlinked)).toMatchObject(away);
  expect(await send("POST", "", { name: "x" }, unlinked)).toMatchObject(away);
});

test("linking another account drops the previous account's channels", async () => {
  const { jid } = bob.channels.create("Of the last owner");
  await send("POST", `/${jid}/follow`);
  expect(await listed(jid)).toMatchObject({ name: "Of the last owner" });
  await gate.api("POST", `/api/instances/${id}/logout`);
  await gate.status(id, "logged_out");
  expect(await listed(jid)).toMatchObject({ name: "Of the last owner" });
  await gate.api("POST", `/api/instances/${id}/reconnect`);
  const heir = await gate.wa.addPhone({ number: "4915550400003", pushName: "Heir" });
  await heir.scanQr(await gate.qr(id));
  await gate.status(id, "connected");
  expect(await get()).toMatchObject(ok([]));
  expect(heir.errors).toEqual([]);
});
