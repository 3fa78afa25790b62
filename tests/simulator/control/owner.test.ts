import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Control, startControl } from "../../../simulator/control/server.ts";
import { PhoneAbout } from "../../../simulator/phone/about.ts";
import { PhoneChannels } from "../../../simulator/phone/channels.ts";
import { Phone } from "../../../simulator/phone/phone.ts";
import { PhoneSurveys } from "../../../simulator/phone/surveys.ts";
import { png } from "../../support/media/png.ts";
import { silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { type Call, caller, endScene, type Scene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let scene: Scene;
let control: Control;
let call: Call;
const [ALICE, BOB, CAROL] = ["4915550000001", "4915550000002", "4915550000003"];

beforeAll(async () => {
  scene = await startScene({ client: { appStateMacVerification: { patch: true, snapshot: true } } });
  control = await startControl(scene.wa);
  call = caller(control);
  await scene.client.pair(scene.alice);
});
afterAll(async () => {
  await control.stop();
  await endScene(scene.wa, scene.client);
});

const learned = (name: string, part: string) =>
  scene.client.events.waitFor((event) => event.name === name && JSON.stringify(event.value).includes(part));
const bobsChat = `${BOB}@s.whatsapp.net`;
const picture = png().toString("base64");

describe("what an owner does on the phone over the control API", () => {
  test.each<[string, object, object, string]>([
    ["archives a chat", { archived: true }, { archived: true }, '"archived":true'],
    ["takes a chat out of the archive", { archived: false }, { archived: false }, '"archived":false'],
    ["pins a chat", { pinned: true }, { pinned: true }, '"pinned":'],
    ["mutes a chat", { mutedUntil: -1 }, { mutedUntil: -1 }, '"muteEndTime":'],
    ["marks a chat as unread", { read: false }, { markedUnread: true }, '"unreadCount":-1'],
    ["marks a chat as read", { read: true }, { markedUnread: false }, '"unreadCount":0'],
  ])("%s, which the phone shows and the linked device learns", async (_what, change, shown, told) => {
    await scene.bob.sendText(ALICE, "Hi");
    await scene.alice.waitFor(({ text }) => text === "Hi");
    const path = `/phones/${ALICE}/chats/${BOB}`;
    expect(await call("PATCH", path, change)).toMatchObject({ status: 200, json: { id: bobsChat, ...shown } });
    expect((await call("GET", `/phones/${ALICE}/chats`)).json).toMatchObject([shown]);
    await learned("chats.update", told);
  });

  test("clears and deletes a chat, after which the phone shows none of its messages", async () => {
    const messages = async () => (await call("GET", `/phones/${ALICE}/chats/${BOB}/messages`)).json as unknown[];
    await scene.bob.sendText(ALICE, "to clear");
    await expect.poll(async () => JSON.stringify(await messages())).toContain("to clear");
    expect((await call("POST", `/phones/${ALICE}/chats/${BOB}/clear`)).status).toBe(204);
    expect(JSON.stringify(await messages())).not.toContain("to clear");
    await scene.bob.sendText(ALICE, "to delete");
    await expect.poll(async () => JSON.stringify(await messages())).toContain("to delete");
    expect((await call("DELETE", `/phones/${ALICE}/chats/${BOB}`)).status).toBe(204);
    expect(JSON.stringify(await messages())).not.toContain("to delete");
    await learned("chats.delete", BOB);
  });

  test("sets whether chats stay archived", async () => {
    expect((await call("PUT", `/phones/${ALICE}/keep-archived`, { keep: false })).status).toBe(204);
    await expect.poll(() => scene.client.creds.accountSettings.unarchiveChats).toBe(true);
    expect((await call("PUT", `/phones/${ALICE}/keep-archived`, { keep: true })).status).toBe(204);
  });

  test("saves, renames and removes a contact", async () => {
    const path = `/phones/${ALICE}/contacts/${CAROL}`;
    expect((await call("PUT", path, { name: "Carol from work" })).status).toBe(204);
    await learned("contacts.upsert", "Carol from work");
    expect((await call("DELETE", path)).status).toBe(204);
  });

  test("blocks and unblocks a person", async () => {
    const path = `/phones/${ALICE}/blocked/${BOB}`;
    expect(await call("PUT", path)).toMatchObject({ status: 200, json: [scene.bob.lidJid] });
    await learned("blocklist.update", '"type":"add"');
    expect((await call("DELETE", path)).status).toBe(204);
    await learned("blocklist.update", '"type":"remove"');
    expect((await call("GET", `/phones/${ALICE}/blocked`)).json).toEqual([]);
    expect((await call("PUT", `/phones/${ALICE}/blocked/4900000`)).status).toBe(404);
  });

  test("changes the about text, the picture and the privacy settings, which others see", async () => {
    const path = `/phones/${BOB}/profile`;
    const change = { about: "At the lake", picture, privacy: { last: "none" } };
    const shown = { about: "At the lake", picture: true, privacy: { last: "none" } };
    expect(await call("PATCH", path, change)).toMatchObject({ status: 200, json: shown });
    const url = await scene.client.sock.profilePictureUrl(scene.bob.lidJid);
    expect(url).toContain(scene.bob.account.picture?.directPath);
    expect(await call("PATCH", path, { picture: null, privacy: { last: "all" } })).toMatchObject({
      json: { picture: false, privacy: { last: "all" } },
    });
    expect((await call("PATCH", path, { privacy: { last: "some" } })).status).toBe(409);
    expect((await call("GET", path)).json).toMatchObject({ about: "At the lake" });
  });

  test("changes a group's description, picture, settings and requests to join", async () => {
    const made = (await call("POST", `/phones/${BOB}/groups`, { subject: "Trip", members: [ALICE] })).json;
    const { jid, inviteCode } = made as { jid: string; inviteCode: string };
    const path = `/phones/${BOB}/groups/${jid}`;
    const change = { description: "To Rome", picture, approval: true, whoAdds: "admins" };
    expect((await call("PATCH", path, change)).json).toMatchObject({ description: "To Rome", picture: true });
    expect((await call("PATCH", path, { description: "To Paris" })).json).toMatchObject({ description: "To Paris" });
    expect((await call("PATCH", path, { description: "", picture: null })).json).toMatchObject({ picture: false });
    expect((await call("PATCH", `/phones/${CAROL}/groups/${jid}`, { picture })).status).toBe(409);
    expect((await call("POST", `/phones/${CAROL}/groups/join`, { code: inviteCode })).status).toBe(204);
    const asked = `${CAROL}@s.whatsapp.net`;
    expect((await call("GET", "/groups")).json).toMatchObject([{ requests: [asked] }]);
    const answer = { action: "approve", people: [CAROL] };
    expect(await call("POST", `${path}/requests`, answer)).toMatchObject({ json: { requests: [] } });
    expect(scene.wa.world.groups.get(jid)?.members.has(scene.carol.account)).toBe(true);
  });

  test("manages a channel with its posts and admins", async () => {
    const made = (await call("POST", `/phones/${BOB}/channels`, { name: "News" })).json as { jid: string };
    const path = (number: string | undefined) => `/phones/${number}/channels/${made.jid}`;
    expect((await call("PATCH", path(BOB), { name: "Daily", description: "Every day" })).json).toMatchObject({
      ...{ name: "Daily", description: "Every day" },
    });
    await call("POST", `${path(CAROL)}/follow`);
    expect((await call("PATCH", path(CAROL), { muted: false })).json).toMatchObject({
      followers: [{}, { muted: false }],
    });
    expect((await call("POST", `${path(BOB)}/admins`, { number: CAROL })).json).toMatchObject({
      followers: [{ role: "owner" }, { role: "admin" }],
    });
    const post = (await call("POST", `${path(BOB)}/posts`, { text: "First" })).json as { id: string };
    const image = (await call("POST", `${path(BOB)}/posts`, { image: picture, text: "Look" })).json as { id: string };
    expect((await call("PATCH", `${path(BOB)}/posts/${post.id}`, { text: "Second" })).status).toBe(204);
    expect((await call("POST", `${path(CAROL)}/posts/${post.id}/react`, { emoji: "👍" })).status).toBe(204);
    expect((await call("DELETE", `${path(BOB)}/posts/${image.id}`)).status).toBe(204);
    expect((await call("GET", "/channels")).json).toMatchObject([
      { posts: [{ id: post.id, text: "Second", reactions: { "👍": 1 } }] },
    ]);
    expect((await call("DELETE", `${path(BOB)}/posts/nothing`)).status).toBe(404);
    expect((await call("POST", `${path(BOB)}/posts`, {})).status).toBe(400);
    expect((await call("DELETE", path(CAROL))).status).toBe(409);
    expect((await call("DELETE", path(BOB))).status).toBe(204);
  });

  test("opens WhatsApp, and reinstalls it, which unlinks the devices", async () => {
    expect((await call("POST", `/phones/${ALICE}/presence`, { available: true })).status).toBe(204);
    expect(scene.alice.account.phoneOnline).toBe(true);
    const closed = scene.client.next((update) => update.connection === "close");
    expect(await call("POST", `/phones/${ALICE}/reinstall`)).toMatchObject({ status: 201, json: { devices: [] } });
    expect((await closed).code).toBe(401);
  });
});

/** Parts of a phone that no owner does, or that a route does by other means. */
const notActions: Record<string, string> = {
  addPredefinedLabels: "a new business phone has them",
  chatOf: "part of the list of chats",
  timerOf: "a reading for tests of the timer",
  deliver: "the server calls it",
  companionReady: "the server calls it",
  save: "the state file",
  onMessage: "a listener in code; the route is /wait",
  upload: "a part of sending a message with files",
  sendImage: "POST /phones/{number}/media",
  disconnectDevices: "POST /phones/{number}/failures",
  ban: "POST /phones/{number}/failures",
  isMuted: "part of the list of channels",
  posts: "part of the list of channels",
  find: "a look-up",
  receive: "the server calls it",
};

test("each thing that an owner can do on the simulated phone in code has a route of the control API", () => {
  const files = (folder: string) => readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, "utf8"));
  const control = [...files("simulator/control/routes"), ...files("simulator/control/base")].join("\n");
  const owner = files("simulator/phone/owner").join("\n");
  const functions = [...owner.matchAll(/^export (?:async )?(?:function|const) (\w+)/gm)].map(([, name]) => name ?? "");
  const methods = [Phone, PhoneChannels, PhoneSurveys, PhoneAbout].flatMap(({ prototype }) =>
    Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([name, { value }]) =>
      typeof value === "function" && name !== "constructor" ? [name] : [],
    ),
  );
  const names = [...functions, ...methods];
  const isCalled = (name: string) => new RegExp(`\\b${name}\\(`).test(control);
  expect(names.filter((name) => !isCalled(name) && !(name in notActions))).toEqual([]);
  expect(Object.keys(notActions).filter((name) => !names.includes(name))).toEqual([]);
});
