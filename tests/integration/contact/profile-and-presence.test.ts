import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { saveContact } from "../../../simulator/phone/owner/contacts.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { type FileServer, startFileServer } from "../../support/network/file-server.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let files: FileServer;
let owner: Phone;
let bob: Phone;
let carol: Phone;
let id: string;
let unlinked: string;
/** An instance whose account has no name yet. */
let nameless: string;

/** Only the first bytes of a JPEG. */
const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.from("a face")]);
const nobody = "4915550999999";

beforeAll(async () => {
  gate = await startTestGateway();
  files = await startFileServer({
    "/face.jpg": { body: jpeg, type: "image/jpeg" },
    "/face.png": { body: png(8), type: "image/png" },
    "/large.jpg": { body: Buffer.concat([jpeg, Buffer.alloc(1_048_576)]), type: "image/jpeg" },
  });
  bob = await gate.wa.addPhone({ number: "4915550300002", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "4915550300003", pushName: "Carol" });
  // With a history, the first synchronization ends at once.
  const history = [{ with: bob.number, messages: [{ text: "long ago", timestamp: 1_700_000_000 }] }];
  owner = await gate.wa.addPhone({ number: "4915550300001", pushName: "Owner", history });
  saveContact(owner, carol.number, "Carol Address");
  const newcomer = await gate.wa.addPhone({ number: "4915550300004" });
  [id, nameless, unlinked] = await Promise.all([
    gate.linked(owner, "gateway"),
    gate.linked(newcomer, "gateway"),
    gate.createInstance("gateway"),
  ]);
  // The keys for writing the address book arrive with the address book.
  await until(async () => {
    const told = await Promise.all([bob, carol].map(({ number }) => get("contacts", `?phoneNumber=${number}`)));
    return told.every(({ body }) => body.data?.lid) || undefined;
  });
  await until(async () => (await get("profile")).body.data.name === "Owner" || undefined);
}, 120_000);
afterAll(async () => {
  await Promise.all([gate.stop(), files.stop()]);
});

const get = (noun: string, rest = "", instance = id) => gate.api("GET", `/api/${noun}/${instance}${rest}`);
const send = (method: string, noun: string, rest: string, body?: unknown, instance = id) =>
  gate.api(method, `/api/${noun}/${instance}${rest}`, body === undefined ? {} : { body });
const ok = (data: unknown) => ({ status: 200, body: { success: true, data } });
const refused = (status: number, code: string) => ({ status, body: { success: false, code } });
const invalid = refused(400, "invalid_request");

describe("contacts", () => {
  test("contacts are listed and found by number, JID or LID, also while the instance is not connected", async () => {
    const shown = { id: carol.jid, name: "Carol Address", number: carol.number, isGroup: false, lid: carol.lidJid };
    const list = await get("contacts", "/all");
    expect(list).toMatchObject(ok(expect.arrayContaining([expect.objectContaining(shown)])));
    expect(list.body.pagination).toBeUndefined();
    const page = await get("contacts", "/all?limit=1&search=carol");
    expect(page.body).toMatchObject({ data: [shown], pagination: { limit: 1, total: 1, hasMore: false } });
    for (const spelling of [carol.number, `%2B${carol.number}`, carol.jid, carol.lidJid]) {
      expect(await get("contacts", `?phoneNumber=${spelling}`)).toMatchObject(ok(shown));
    }
    expect(await get("contacts", `?phoneNumber=${nobody}`)).toMatchObject(refused(404, "contact_not_found"));
    expect(await get("contacts", "/all", unlinked)).toMatchObject(ok([]));
    for (const query of ["", "?phoneNumber=12", "?phoneNumber=1-2@g.us"]) {
      expect(await get("contacts", query)).toMatchObject(invalid);
    }
    expect(await get("contacts", "/all?limit=0")).toMatchObject(invalid);
  });

  test("a check says whether a number is on WhatsApp", async () => {
    const found = { phoneNumber: bob.number, exists: true, chatId: bob.jid, lid: bob.lidJid };
    expect(await get("contacts", `/check-exists?phoneNumber=${bob.number}`)).toMatchObject(ok(found));
    const absent = { phoneNumber: nobody, exists: false, chatId: null, lid: null };
    expect(await get("contacts", `/check-exists?phoneNumber=${nobody}`)).toMatchObject(ok(absent));
    expect(await get("contacts", "/check-exists")).toMatchObject(invalid);
    const away = await get("contacts", `/check-exists?phoneNumber=${bob.number}`, unlinked);
    expect(away).toMatchObject(refused(409, "instance_not_connected"));
  });

  test("a contact's about text and picture are returned as far as its privacy settings allow", async () => {
    const about = (number: string) => get("contacts", `/about?phoneNumber=${number}`);
    const who = { phoneNumber: bob.number, chatId: bob.jid };
    expect(await about(bob.number)).toMatchObject(ok({ ...who, about: null, pictureUrl: null }));
    bob.account.about = "At the lake 🏊";
    bob.account.picture = { id: "1", directPath: gate.wa.world.media.put("pps", jpeg) };
    const shown = await about(bob.number);
    expect(shown).toMatchObject(ok({ ...who, about: "At the lake 🏊" }));
    expect(shown.body.data.pictureUrl).toContain(bob.account.picture.directPath);
    bob.account.privacy.set("status", "none").set("profile", "none");
    expect(await about(bob.number)).toMatchObject(ok({ ...who, about: null, pictureUrl: null }));
    bob.account.privacy.clear();
    expect(await about(nobody)).toMatchObject(refused(400, "recipient_not_on_whatsapp"));
    expect(await about("12")).toMatchObject(invalid);
  });

  test("the picture of a person or a group is returned in both sizes, unless it is hidden", async () => {
    const picture = (query: string) => get("contacts", `/picture?phoneNumber=${query}`);
    const directPath = gate.wa.world.media.put("pps", jpeg);
    bob.account.picture = { id: "2", directPath };
    for (const query of [bob.number, bob.lidJid, `${bob.jid}&size=preview`]) {
      const { status, body } = await picture(query);
      expect({ status, chatId: body.data.chatId }).toMatchObject({ status: 200 });
      expect(body.data.pictureUrl).toContain(directPath);
    }
    bob.account.privacy.set("profile", "none");
    expect((await picture(bob.number)).body.data).toMatchObject({ chatId: bob.jid, pictureUrl: null });
    bob.account.privacy.clear();
    bob.account.picture = undefined;
    expect(await picture(nobody)).toMatchObject(refused(400, "recipient_not_on_whatsapp"));
    expect(await picture(`${bob.number}&size=huge`)).toMatchObject(invalid);
  });

  test("messages of a blocked contact reach neither the phone nor the webhook until the contact is unblocked", async () => {
    const body = { phoneNumber: bob.number };
    for (const _again of [1, 2]) {
      const blocked = await send("POST", "contacts", "/block", body);
      expect(blocked).toMatchObject(ok({ ...body, chatId: bob.jid, blocked: true }));
    }
    expect([...owner.account.blocked]).toEqual([bob.account.lid]);
    const entry = { phoneNumber: bob.number, jid: bob.jid, lid: bob.lidJid };
    expect((await get("contacts", "/blocked")).body.data).toEqual([entry]);
    const lost = await bob.sendText(owner.number, "do you hear me?");
    expect(await send("POST", "contacts", "/unblock", body)).toMatchObject(ok({ ...body, blocked: false }));
    expect(owner.account.blocked.size).toBe(0);
    expect((await get("contacts", "/blocked")).body.data).toEqual([]);
    const heard = await bob.sendText(owner.number, "and now?");
    await gate.receiver.waitFor(({ body }) => body.data.messageId === heard.id);
    await owner.waitFor((message) => message.id === heard.id);
    expect(owner.inbox.messages.filter((message) => message.id === lost.id)).toEqual([]);
    expect(gate.receiver.deliveries.filter(({ body }) => body.data.messageId === lost.id)).toEqual([]);
    expect(lost.status).toBe("sent");
    expect(await send("POST", "contacts", "/block", { phoneNumber: nobody })).toMatchObject(
      refused(400, "recipient_not_on_whatsapp"),
    );
    for (const wrong of [{}, { phoneNumber: "12" }, { phoneNumber: "12345-678@g.us" }]) {
      expect(await send("POST", "contacts", "/block", wrong)).toMatchObject(invalid);
      expect(await send("POST", "contacts", "/unblock", wrong)).toMatchObject(invalid);
    }
    const away = await send("POST", "contacts", "/block", body, unlinked);
    expect(away).toMatchObject(refused(409, "instance_not_connected"));
  });

  test("a contact's name is the same in the API and in the phone's address book, whichever side changes it", async () => {
    const rename = (name: string) => send("PUT", "contacts", `/${carol.number}`, { name });
    const here = async () => (await get("contacts", `?phoneNumber=${carol.number}`)).body.data.name;
    expect(await rename("New Contact Name")).toMatchObject(ok({ chatId: carol.jid, name: "New Contact Name" }));
    expect(await here()).toBe("New Contact Name");
    const entry = () => owner.appState.get("contact", carol.jid)?.contactAction;
    await until(async () => entry()?.fullName === "New Contact Name" || undefined);
    expect(entry()).toMatchObject({ firstName: "New", lidJid: carol.lidJid, saveOnPrimaryAddressbook: true });
    saveContact(owner, carol.number, "Carol Address");
    await until(async () => (await here()) === "Carol Address" || undefined);
    for (const wrong of [{}, { name: " " }, { name: "x".repeat(101) }]) {
      expect(await send("PUT", "contacts", `/${carol.number}`, wrong)).toMatchObject(invalid);
    }
    expect(await send("PUT", "contacts", "/nobody", { name: "x" })).toMatchObject(invalid);
    expect(await send("PUT", "contacts", "/1-2@g.us", { name: "x" })).toMatchObject(invalid);
  });

  test("LIDs are translated to numbers and numbers to LIDs, with a query to WhatsApp if the pair is unknown", async () => {
    const pair = (phone: Phone) => ({ lid: phone.lidJid, phoneNumber: phone.number, chatId: phone.jid });
    const list = await get("contacts", "/lids");
    expect(list).toMatchObject(ok(expect.arrayContaining([pair(carol)])));
    expect(await get("contacts", "/lids/count")).toMatchObject(ok({ count: list.body.data.length }));
    for (const lid of [carol.account.lid, carol.lidJid]) {
      expect(await get("contacts", `/lids/${lid}`)).toMatchObject(ok(pair(carol)));
    }
    expect(await get("contacts", `/lids/pn/${carol.number}`)).toMatchObject(ok(pair(carol)));

    const stranger = await gate.wa.addPhone({ number: "4915550300009" });
    const unknown = await get("contacts", `/lids/${stranger.account.lid}`);
    expect(unknown).toMatchObject(refused(404, "contact_not_found"));
    expect(await get("contacts", `/lids/pn/${stranger.number}`)).toMatchObject(ok(pair(stranger)));
    expect(await get("contacts", `/lids/${stranger.account.lid}`)).toMatchObject(ok(pair(stranger)));
    expect((await get("contacts", "/lids")).body.data).toEqual(list.body.data);

    expect(await get("contacts", `/lids/pn/${nobody}`)).toMatchObject(refused(404, "contact_not_found"));
    for (const wrong of ["/lids/x", "/lids/pn/12"]) expect(await get("contacts", wrong)).toMatchObject(invalid);
    expect(await get("contacts", "/lids", unlinked)).toMatchObject(ok([]));
    expect(await get("contacts", "/lids/count", unlinked)).toMatchObject(ok({ count: 0 }));
    const away = await get("contacts", `/lids/pn/${bob.number}`, unlinked);
    expect(away).toMatchObject(refused(409, "instance_not_connected"));
  });
});

describe("the profile", () => {
  const profile = async () => (await get("profile")).body.data;

  test("the profile has number, LID and name", async () => {
    const { number: phoneNumber, jid: chatId, lidJid: lid } = owner;
    const shown = { phoneNumber, chatId, lid, name: "Owner", status: null, pictureUrl: null };
    expect(await get("profile")).toMatchObject(ok(shown));
    expect(await get("profile", "", unlinked)).toMatchObject(refused(409, "instance_not_connected"));
  });

  test("a new profile name is visible to others with the next message", async () => {
    expect(await send("PUT", "profile", "/name", { name: "New Name" })).toMatchObject(ok({ instanceId: id }));
    expect(await profile()).toMatchObject({ name: "New Name" });
    expect((await get("instance", "/status")).body.data.pushName).toBe("New Name");
    await until(async () => owner.appState.get("setting_pushName")?.pushNameSetting?.name === "New Name" || undefined);
    const body = { instanceId: id, to: bob.number, message: "guess who" };
    const { messageId } = (await gate.api("POST", "/api/message/send/text", { body })).body.data;
    expect(await bob.waitFor((message) => message.id === messageId)).toMatchObject({ pushName: "New Name" });
    for (const wrong of [{}, { name: "" }, { name: "x".repeat(26) }]) {
      expect(await send("PUT", "profile", "/name", wrong)).toMatchObject(invalid);
    }
    const away = await send("PUT", "profile", "/name", { name: "x" }, unlinked);
    expect(away).toMatchObject(refused(409, "instance_not_connected"));
  });

  test("a new profile status is the about text on WhatsApp", async () => {
    const status = "Hey there! I'm using WhatsApp";
    expect(await send("PUT", "profile", "/status", { status })).toMatchObject(ok({ instanceId: id }));
    expect(owner.account.about).toBe(status);
    expect(await profile()).toMatchObject({ status });
    expect(await send("PUT", "profile", "/status", { status: "x".repeat(140) })).toMatchObject(invalid);
  });

  test("the profile picture is set and removed", async () => {
    const picture = (path: string) => send("PUT", "profile", "/picture", { image: files.url(path) });
    expect(await picture("/face.jpg")).toMatchObject(ok({ instanceId: id }));
    const { directPath = "" } = owner.account.picture ?? {};
    expect(gate.wa.world.media.get(directPath)).toEqual(jpeg);
    expect((await profile()).pictureUrl).toContain(directPath);
    expect(await picture("/face.png")).toMatchObject(refused(501, "not_supported"));
    expect(await picture("/large.jpg")).toMatchObject(refused(413, "payload_too_large"));
    expect(await picture("/none.jpg")).toMatchObject(refused(400, "media_not_usable"));
    expect(owner.account.picture?.directPath).toBe(directPath);
    expect(await send("DELETE", "profile", "/picture")).toMatchObject(ok({ instanceId: id }));
    expect(owner.account.picture).toBeUndefined();
    expect(await profile()).toMatchObject({ pictureUrl: null });

    const ticket = (await gate.api("POST", `/api/whatsapp/${id}/uploads`, { body: { size: jpeg.length } })).body;
    expect(await send("PUT", "profile", "/picture", { uploadId: ticket.uploadId })).toMatchObject(
      refused(400, "media_not_usable"),
    );
    await fetch(ticket.url, { method: ticket.method, headers: ticket.headers, body: new Uint8Array(jpeg) });
    expect((await send("PUT", "profile", "/picture", { uploadId: ticket.uploadId })).status).toBe(200);
    expect(
      gate.wa.world.media.get((owner.account.picture as { directPath: string } | undefined)?.directPath ?? ""),
    ).toEqual(jpeg);
    for (const wrong of [{}, { image: "file:///etc/passwd" }, { image: files.url("/a"), uploadId: ticket.uploadId }]) {
      expect(await send("PUT", "profile", "/picture", wrong)).toMatchObject(invalid);
    }
  });
});

test("privacy settings are read and changed, and apply to the account's receipts at once", async () => {
  const everyone = { lastSeen: "everyone", online: "everyone", picture: "everyone", about: "everyone" };
  const first = { ...everyone, readReceipts: true, groupAdd: "everyone", calls: "everyone", messages: "everyone" };
  expect((await get("profile", "/privacy")).body.data).toMatchObject(first);
  const change = { picture: "nobody", online: "same_as_last_seen", calls: "contacts" };
  const changed = await send("PUT", "profile", "/privacy", { ...change, readReceipts: false });
  expect(changed).toMatchObject(ok({ ...first, ...change, readReceipts: false }));
  expect(Object.fromEntries(owner.account.privacy)).toEqual({
    ...{ profile: "none", online: "match_last_seen", calladd: "known", readreceipts: "none" },
  });
  const read = async (text: string) => {
    const sent = await bob.sendText(owner.lidJid, text);
    await gate.receiver.waitFor(({ body }) => body.data.messageId === sent.id);
    const body = { instanceId: id, chatId: bob.number, messageId: sent.id };
    expect((await gate.api("POST", "/api/message/seen", { body })).status).toBe(200);
    return sent;
  };
  const unseen = await read("Do you read this?");
  expect((await send("PUT", "profile", "/privacy", { readReceipts: true, picture: "everyone" })).status).toBe(200);
  const seen = await read("And this?");
  await until(async () => seen.status === "read" || undefined);
  expect(unseen.status).toBe("delivered");
  owner.account.privacy.set("last", "contact_blacklist").set("messages", "unheard-of");
  expect((await get("profile", "/privacy")).body.data).toMatchObject({ lastSeen: "contacts_except", messages: null });
  owner.account.privacy.clear();
  expect(await send("PUT", "profile", "/privacy", { lastSeen: "contacts_except" })).toMatchObject(invalid);
  expect(await send("PUT", "profile", "/privacy", {})).toMatchObject(invalid);
  expect(await get("profile", "/privacy", unlinked)).toMatchObject(refused(409, "instance_not_connected"));
});

describe("presence", () => {
  const chat = async (jid: string) => (await get("presence", `/${jid}`)).body.data;

  test("others see the account online or offline, and its typing in one chat", async () => {
    for (const presence of ["unavailable", "available"]) {
      const answer = await send("POST", "presence", "", { presence });
      expect(answer).toMatchObject(ok({ instanceId: id, presence }));
      await until(async () => owner.account.available === (presence === "available") || undefined);
    }
    for (const presence of ["composing", "recording", "paused"]) {
      expect(await send("POST", "presence", "", { presence })).toMatchObject(invalid);
      expect(await send("POST", "presence", "", { presence, chatId: bob.number })).toMatchObject(ok({ presence }));
      await until(async () => bob.typing.some(({ state }) => state === presence) || undefined);
    }
    expect(bob.typing.at(-1)).toMatchObject({ from: owner.jid });
    expect(carol.typing).toEqual([]);
    for (const wrong of [{}, { presence: "away" }, { presence: "paused", chatId: "12" }]) {
      expect(await send("POST", "presence", "", wrong)).toMatchObject(invalid);
    }
    const away = await send("POST", "presence", "", { presence: "available" }, unlinked);
    expect(away).toMatchObject(refused(409, "instance_not_connected"));
    // Without a name, Baileys sends no presence.
    const unseen = await send("POST", "presence", "", { presence: "available" }, nameless);
    expect(unseen).toMatchObject(refused(409, "conflict"));
  });

  test("the presence of a subscribed contact is returned with its age, by number and by LID", async () => {
    for (const spelling of [carol.number, carol.jid, carol.lidJid]) {
      expect(await get("presence", `/${spelling}`)).toMatchObject(ok({ chatId: carol.jid, presences: [] }));
    }
    expect((await send("POST", "presence", "", { presence: "available" })).status).toBe(200);
    const answer = await send("POST", "presence", `/${carol.number}/subscribe`);
    expect(answer).toMatchObject(ok({ instanceId: id, chatId: carol.jid }));
    carol.setPresence(true);
    const told = await until(async () => {
      const { presences } = await chat(carol.jid);
      return presences[0]?.state === "available" ? presences[0] : undefined;
    });
    expect(told).toEqual({
      jid: carol.jid,
      state: "available",
      lastSeen: null,
      updatedAt: expect.any(String),
      ageSeconds: expect.any(Number),
    });
    expect(Math.abs(Date.now() - Date.parse(told.updatedAt))).toBeLessThan(60_000);
    carol.setTyping(owner.lidJid, "recording");
    await until(async () => (await chat(carol.number)).presences[0]?.state === "recording" || undefined);
    expect((await chat(carol.lidJid)).presences).toMatchObject([{ jid: carol.jid, state: "recording" }]);
    carol.setPresence(false);
    await until(async () => (await chat(carol.jid)).presences[0]?.state === "unavailable" || undefined);
    const { lastSeen } = (await chat(carol.jid)).presences[0];
    expect(Date.parse(lastSeen) / 1000).toBe(carol.account.lastSeen);
    expect(await get("presence")).toMatchObject(
      ok([{ chatId: carol.jid, presences: [{ jid: carol.jid, state: "unavailable" }] }]),
    );
    expect(await get("presence", "/nobody")).toMatchObject(invalid);
    expect(await get("presence", `/${nobody}`)).toMatchObject(refused(400, "recipient_not_on_whatsapp"));
    expect(await send("POST", "presence", "/nobody/subscribe")).toMatchObject(invalid);
    expect(await send("POST", "presence", `/${nobody}/subscribe`)).toMatchObject(
      refused(400, "recipient_not_on_whatsapp"),
    );
    expect(await get("presence", "", unlinked)).toMatchObject(refused(409, "instance_not_connected"));
  });
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
