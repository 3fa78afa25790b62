import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { InboxMessage } from "../../../simulator/phone/mailbox/inbox.ts";
import { removeContact, saveContact } from "../../../simulator/phone/owner/contacts.ts";
import { type RestClient, restClient } from "../../support/gateway/rest-client.ts";
import { type Answer, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { mp4 } from "../../support/media/mp4.ts";
import { oggOpus } from "../../support/media/ogg-opus.ts";
import { png } from "../../support/media/png.ts";
import { type FileServer, startFileServer } from "../../support/network/file-server.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let files: FileServer;
let owner: Phone;
/** Bob and Carol are in the owner's address book. */
let bob: Phone;
let carol: Phone;
/** Dave is in the address book, but blocked. */
let dave: Phone;
/** Erin is not in the address book. */
let erin: Phone;
let id: string;
let unlinked: string;
let client: RestClient;

const statusChat = "status@broadcast";
const picture = png(8);

beforeAll(async () => {
  gate = await startTestGateway();
  files = await startFileServer({
    "/image.jpg": { body: picture, type: "image/png" },
    "/voice.ogg": { body: oggOpus(3), type: "audio/ogg" },
    "/video.mp4": { body: mp4({ video: "avc1", audio: "mp4a" }, { seconds: 7 }), type: "video/mp4" },
  });
  [bob, carol, dave, erin] = (await Promise.all(
    ["Bob", "Carol", "Dave", "Erin"].map((pushName, at) =>
      gate.wa.addPhone({ number: `491555040000${at + 2}`, pushName }),
    ),
  )) as [Phone, Phone, Phone, Phone];
  // With a history, the first synchronization ends at once.
  const history = [{ with: bob.number, messages: [{ text: "long ago", timestamp: 1_700_000_000 }] }];
  owner = await gate.wa.addPhone({ number: "4915550400001", pushName: "Owner", history });
  for (const [phone, name] of [
    [bob, "Bob Address"],
    [carol, "Carol Address"],
    [dave, "Dave Address"],
  ] as const)
    saveContact(owner, phone.number, name);
  owner.account.blocked.add(dave.account.lid);
  [id, unlinked] = await Promise.all([gate.linked(owner, "gateway"), gate.createInstance("gateway")]);
  client = restClient(gate, "gateway", id);
  await addressBookSize(3);
}, 120_000);
afterAll(async () => {
  for (const phone of [owner, bob, carol, dave, erin]) expect(phone?.errors).toEqual([]);
  await Promise.all([gate.stop(), files.stop()]);
});

/** Waits until the session knows this many names of the address book. */
const addressBookSize = (people: number) =>
  until(async () => {
    const { body } = await gate.api("GET", `/api/contacts/${id}/all`);
    const named = body.data.filter((one: { name: string }) => one.name.endsWith(" Address"));
    return named.length === people || undefined;
  });

const post = (kind: string, body: object = {}, instance = id): Promise<Answer> =>
  gate.api("POST", `/api/status/${instance}/${kind}`, { body });
const refused = ({ status, body }: Answer) => [status, body.code];
const statusAt = (phone: Phone, messageId: string) => phone.statuses.find((status) => status.id === messageId);

/** Sends a status post, and waits for it at a phone. */
async function postedAt(kind: string, body: object, at = bob): Promise<InboxMessage> {
  const { status, body: answer } = await post(kind, body);
  expect({ status, answer }).toMatchObject({
    status: 200,
    answer: { success: true, data: { messageId: expect.any(String), instanceId: id, chatId: statusChat } },
  });
  const { messageId } = answer.data;
  await client.reported("sent", messageId);
  return await at.waitFor((message) => message.id === messageId && message.chat === statusChat);
}

describe("a status post", () => {
  test("a status post reaches the address book except blocked contacts, nobody else, and the owner's phone", async () => {
    const text = { text: "My status update", backgroundColor: "#25D366", font: 1 };
    const status = await postedAt("text", text);
    expect(status).toMatchObject({ from: owner.jid, fromDevice: 1, chat: statusChat, text: "My status update" });
    expect(status.message.extendedTextMessage).toMatchObject({ backgroundArgb: 0xff25d366, font: 1 });
    await carol.waitFor((message) => message.id === status.id);
    expect(await owner.waitFor((message) => message.id === status.id)).toMatchObject({ fromMe: true });
    expect([statusAt(dave, status.id), statusAt(erin, status.id)]).toEqual([undefined, undefined]);
    expect(await client.inHistory(statusChat, status.id, "delivered")).toMatchObject({
      fromMe: true,
      type: "text",
      body: "My status update",
    });
  });

  test("a status post can be an image, a video or a voice note, and reaches only the recipients that the caller names", async () => {
    const statusJidList = [`+${bob.number}`, bob.jid];
    const image = await postedAt("image", {
      image: files.url("/image.jpg"),
      caption: "Check this out!",
      statusJidList,
    });
    expect(image).toMatchObject({ kind: "image", text: "Check this out!" });
    expect(bob.download(image).equals(picture)).toBe(true);
    const inline = `data:audio/ogg;base64,${oggOpus(3).toString("base64")}`;
    for (const audio of [files.url("/voice.ogg"), inline]) {
      const note = await postedAt("voice", { audio, statusJidList });
      expect(note).toMatchObject({ kind: "audio", media: { ptt: true, seconds: 3 } });
    }
    const video = await postedAt("video", {
      video: files.url("/video.mp4"),
      caption: "My video status",
      statusJidList,
    });
    expect(video).toMatchObject({ kind: "video", text: "My video status", media: { seconds: 7 } });
    expect(video.message.videoMessage).toMatchObject({ gifPlayback: false });
    expect(statusAt(carol, video.id)).toBeUndefined();
    const gif = await postedAt("video", { video: files.url("/video.mp4"), asGif: true, statusJidList });
    expect(gif.message.videoMessage).toMatchObject({ gifPlayback: true });
  });

  test("a status post reaches people whom the caller names by number, and names those who have no LID", async () => {
    const nobody = "4915550409999";
    const statusJidList = [`+${bob.number}`, nobody, carol.lidJid];
    const status = await postedAt("text", { text: "for three", statusJidList });
    await carol.waitFor((message) => message.id === status.id);
    const sent = await client.reported("sent", status.id);
    expect(sent.body.data.skipped).toEqual([`${nobody}@s.whatsapp.net`]);
    const [row] = await gate.db.sql`select output from commands where wa_id = ${status.id}`;
    expect(row?.output).toEqual({ messageId: status.id, skipped: [`${nobody}@s.whatsapp.net`] });
    const all = await postedAt("text", { text: "for one", statusJidList: [bob.number] });
    expect((await client.reported("sent", all.id)).body.data).not.toHaveProperty("skipped");
    const answer = await post("text", { text: "for nobody", statusJidList: [nobody] });
    const failed = await client.reported("failed", answer.body.data.messageId);
    expect(failed.body.data.error).toMatchObject({ code: "recipient_not_on_whatsapp" });
  });

  test("a status post has the reserved id, which can be used once", async () => {
    const { status, body } = await gate.api("GET", `/api/status/${id}/new-message-id`);
    const { messageId } = body.data;
    expect([status, messageId]).toEqual([200, expect.stringMatching(/^3EB0[0-9A-F]{18}$/)]);
    expect(await postedAt("text", { text: "chosen", messageId })).toMatchObject({ id: messageId });
    expect(refused(await post("text", { text: "again", messageId }))).toEqual([409, "conflict"]);
    const twins = (await gate.api("GET", `/api/status/${id}/new-message-id`)).body.data.messageId;
    const both = await Promise.all([1, 2].map((one) => post("text", { text: `twin ${one}`, messageId: twins })));
    expect(both.map((one) => one.status).sort()).toEqual([200, 409]);
  });

  test("a status post is deleted for all its recipients, by either endpoint, and only by its own account", async () => {
    for (const way of ["status", "message"] as const) {
      const status = await postedAt("text", { text: `gone by ${way}`, statusJidList: [bob.number, erin.number] });
      await erin.waitFor((message) => message.id === status.id);
      const answer =
        way === "status"
          ? await post("delete", { messageId: status.id })
          : await gate.api("DELETE", `/api/message/${id}/${status.id}`);
      expect(answer).toMatchObject({ status: 200, body: { success: true, data: { messageId: status.id } } });
      for (const phone of [bob, erin]) {
        await phone.waitFor((message) => message.kind === "revoke" && message.refersTo === status.id);
        expect(statusAt(phone, status.id)).toBeUndefined();
      }
      expect(carol.inbox.messages.some((message) => message.refersTo === status.id)).toBe(false);
      expect(refused(await post("delete", { messageId: status.id }))).toEqual([404, "message_not_found"]);
    }
    const theirs = await bob.sendText(statusChat, "Bob's", { audience: [owner.number] });
    await client.inHistory(statusChat, theirs.id, "received");
    const chat = await client.sendText(bob.number, "no status");
    for (const messageId of ["3EB0000000000000000000", theirs.id, chat]) {
      expect(refused(await post("delete", { messageId }))).toEqual([404, "message_not_found"]);
    }
  });

  test("a status post is sent again to a phone that fails to decrypt it, and to nobody outside the audience", async () => {
    gate.wa.device(owner.number).faults.corruptOut.add(true);
    const status = await postedAt("text", { text: "damaged", statusJidList: [bob.number] });
    expect(status).toMatchObject({ text: "damaged", chat: statusChat });
    expect(bob.failures.length).toBeGreaterThan(0);
    gate.wa.device(owner.number).faults.corruptOut.add(true, 1);
    expect(await postedAt("text", { text: "damaged for several" }, carol)).toMatchObject({
      text: "damaged for several",
    });
    expect(erin.statuses.some(({ text }) => text?.startsWith("damaged"))).toBe(false);
  });

  test("a status post that is sent again after a lost connection keeps its audience, even if the address book changed", async () => {
    const { faults } = gate.wa.device(owner.number);
    faults.slow(250);
    const { body } = await post("text", { text: "twice" });
    const { messageId } = body.data;
    const first = await bob.waitFor((message) => message.id === messageId);
    saveContact(owner, erin.number, "Erin Address");
    faults.slow(0);
    faults.cut();
    await until(async () => first.copies > 1 || undefined);
    await addressBookSize(4);
    await until(async () => {
      const [command] = await gate.db.sql`select status from commands where wa_id = ${messageId}`;
      return command?.status === "done" || undefined;
    });
    expect(statusAt(erin, messageId)).toBeUndefined();
    await client.inHistory(statusChat, messageId, "delivered");
    removeContact(owner, erin.number);
    await addressBookSize(3);
  });

  test("a status post with no audience or too large an audience is rejected, and one whose recipients are not on WhatsApp fails", async () => {
    const newcomer = await gate.wa.addPhone({ number: "4915550400009" });
    const lonely = await gate.linked(newcomer, "gateway");
    expect(refused(await post("text", { text: "hello?" }, lonely))).toEqual([409, "conflict"]);
    // A failed status post does not keep the account from sending other messages.
    const greeting = await restClient(gate, "gateway", lonely).sendText(owner.number, "hello!");
    expect((await client.reported("received", greeting)).body.data.chatId).toBe(newcomer.jid);
    // Adding this many phones to the address book would take minutes.
    await gate.db.sql`insert into contacts (instance_id, jid, name)
      select ${lonely}, 49155509000000 + n || '@s.whatsapp.net', 'Somebody' from generate_series(1, 1001) n`;
    const tooMany = await post("text", { text: "hello?" }, lonely);
    expect([...refused(tooMany), tooMany.body.details ?? tooMany.body.error]).toEqual([
      409,
      "conflict",
      expect.stringContaining("1000"),
    ]);
    const { body } = await post("text", { text: "hello?", statusJidList: ["4915550999999"] });
    const failed = await client.reported("failed", body.data.messageId);
    expect(failed.body.data.error.code).toBe("recipient_not_on_whatsapp");
  });

  test("a status post gets 400 if it is invalid, and 409 if the instance is not connected", async () => {
    const invalid: [string, object][] = [
      ["text", {}],
      ["text", { text: " " }],
      ["text", { text: "x".repeat(701) }],
      ["text", { text: "x", backgroundColor: "green" }],
      ["text", { text: "x", font: 3 }],
      ["text", { text: "x", messageId: "mine" }],
      ["text", { text: "x", statusJidList: [] }],
      ["text", { text: "x", statusJidList: ["nobody"] }],
      ["text", { text: "x", statusJidList: ["120363000000000001@g.us"] }],
      ["text", { text: "x", statusJidList: Array.from({ length: 1001 }, (_, at) => `49155510${10000 + at}`) }],
      ["image", { caption: "no image" }],
      ["voice", { audio: "not a file" }],
      ["video", {}],
      ["delete", {}],
    ];
    for (const [kind, body] of invalid) {
      expect([kind, body, ...refused(await post(kind, body))]).toEqual([kind, body, 400, "invalid_request"]);
    }
    expect(refused(await post("text", { text: "x" }, unlinked))).toEqual([409, "instance_not_connected"]);
    expect(refused(await post("delete", { messageId: "x" }, unlinked))).toEqual([409, "instance_not_connected"]);
  });
});

test("each viewer of a status post causes a read webhook", async () => {
  const status = await postedAt("text", { text: "who looks?" });
  const theirs = await carol.waitFor((message) => message.id === status.id);
  const told = (what: string, by: Phone) =>
    gate.receiver.waitFor(
      ({ body }) =>
        body.event === `message.${what}` &&
        body.data.messageId === status.id &&
        [by.jid, by.lidJid].includes(body.data.participant),
    );
  bob.markRead(status);
  expect((await told("read", bob)).body.data).toMatchObject({ chatId: statusChat, from: owner.jid });
  await told("delivered", carol);
  carol.markRead(theirs);
  await told("read", carol);
  bob.markRead(status);
  await client.inHistory(statusChat, status.id, "read");
  expect(client.allReported(status.id).filter((what) => what === "read")).toHaveLength(2);
});

test("a received status post causes status.received, is listed in its own chat, and can be deleted by its sender", async () => {
  const text = await bob.sendText(statusChat, "Bob's day", { audience: [owner.number, carol.number] });
  const image = await bob.sendImage(statusChat, picture, { caption: "look", audience: [owner.number] });
  await carol.waitFor((message) => message.id === text.id);
  expect(carol.statuses.some((status) => status.id === image.id)).toBe(false);
  for (const [sent, body, type] of [
    [text, "Bob's day", "text"],
    [image, "look", "image"],
  ] as const) {
    const told = await gate.receiver.waitFor((one) => one.body.data.messageId === sent.id);
    expect(told.body).toMatchObject({
      event: "status.received",
      data: { from: bob.jid, to: owner.jid, chatId: statusChat, isGroup: false, type, phoneNumber: bob.number },
    });
    expect(await client.inHistory(statusChat, sent.id, "received")).toMatchObject({ fromMe: false, type, body });
  }
  const { body } = await gate.api("GET", `/api/message/chat/${id}/${statusChat}`);
  expect(body.data).toContainEqual(expect.objectContaining({ messageId: image.id, from: bob.jid, pushName: "Bob" }));
  await bob.waitForStatus(text, "delivered");
  await gate.api("POST", `/api/whatsapp/${id}/read`, { body: { messageIds: [text.id] } });
  await bob.waitForStatus(text, "read");
  await bob.revoke(text);
  await until(async () => {
    const [row] = await gate.db.sql`select deleted_at from messages where wa_id = ${text.id}`;
    return row?.deleted_at ?? undefined;
  });
  expect(client.allReported(text.id)).not.toContain("received");
});

test("a status post of the owner's phone causes a sent event and cannot be deleted over the API", async () => {
  const { id: messageId } = await owner.sendText(statusChat, "by hand", { audience: [bob.number] });
  expect((await client.reported("sent", messageId)).body.data).toMatchObject({ chatId: statusChat, source: "phone" });
  expect(await client.inHistory(statusChat, messageId, "delivered")).toMatchObject({ fromMe: true });
  // Only the phone knows its audience.
  expect(refused(await post("delete", { messageId }))).toEqual([409, "conflict"]);
});

test("a reaction to a status post reaches its sender, and one to our own has a webhook", async () => {
  const theirs = await carol.sendText(statusChat, "like this", { audience: [owner.number] });
  await client.inHistory(statusChat, theirs.id, "received");
  const path = `/api/whatsapp/${id}/messages/${theirs.id}/reaction`;
  expect((await gate.api("POST", path, { body: { reaction: "💚" } })).status).toBe(200);
  await until(async () => theirs.reactions.length > 0 || undefined);
  const ours = await postedAt("text", { text: "our own" });
  const own = await gate.api("POST", `/api/whatsapp/${id}/messages/${ours.id}/reaction`, { body: { reaction: "💚" } });
  expect(refused(own)).toEqual([501, "not_supported"]);
  const edit = await gate.api("PUT", `/api/whatsapp/${id}/messages/${ours.id}`, { body: { message: "edited" } });
  expect(refused(edit)).toEqual([501, "not_supported"]);
  expect(theirs.reactions).toEqual([{ from: owner.jid, emoji: "💚" }]);
  await bob.react(ours, "👏");
  const { body } = await gate.receiver.waitFor(
    ({ body: { event, data } }) => event === "message.reaction" && data.messageId === ours.id,
  );
  expect(body.data).toMatchObject({
    ...{ chatId: statusChat, participant: bob.jid, emoji: "👏", known: true },
    author: { participant: owner.jid, fromMe: true },
  });
});

test("a message to a broadcast list of WhatsApp is rejected, and the error names the endpoint to use", async () => {
  for (const to of [statusChat, "1700000000@broadcast"]) {
    const answer = await gate.api("POST", "/api/message/send/text", { body: { instanceId: id, to, message: "x" } });
    expect(refused(answer)).toEqual([400, "invalid_request"]);
    expect(JSON.stringify(answer.body)).toContain("/api/broadcasts/{instanceId}/{broadcastId}/send");
  }
});

describe("a broadcast list", () => {
  const lists = (method: string, path = "", body?: object, headers = {}, instance = id): Promise<Answer> =>
    gate.api(method, `/api/broadcasts/${instance}${path}`, { ...(body ? { body } : {}), headers });
  const made = async (recipients: string[]): Promise<string> =>
    (await lists("POST", "", { name: "Customers", recipients })).body.data.broadcastId;
  const arrived = (phone: Phone, text: string) =>
    phone.waitFor((message) => message.text === text && message.chat === owner.jid);

  test("a broadcast list is created, listed, returned, changed and deleted", async () => {
    const answer = await lists("POST", "", { name: " Customers ", recipients: [`+${bob.number}`, carol.jid, bob.jid] });
    const { broadcastId } = answer.body.data;
    const shownAs = { broadcastId, name: "Customers", size: 2, recipients: [bob.jid, carol.jid] };
    expect(answer).toMatchObject({ status: 201, body: { success: true, data: shownAs } });
    expect(await lists("GET", `/${broadcastId}`)).toMatchObject({ status: 200, body: { data: shownAs } });
    const changed = await lists("PUT", `/${broadcastId}`, { recipients: [erin.lidJid] });
    expect(changed.body.data).toMatchObject({ name: "Customers", size: 1, recipients: [erin.lidJid] });
    const renamed = await lists("PUT", `/${broadcastId}`, { name: "Friends" });
    expect(renamed.body.data).toMatchObject({ name: "Friends", recipients: [erin.lidJid] });
    const all = await lists("GET");
    expect(all.body).toMatchObject({ data: [{ broadcastId, name: "Friends", size: 1 }], pagination: { total: 1 } });
    const elsewhere = await lists("GET", `/${broadcastId}`, undefined, {}, unlinked);
    expect(refused(elsewhere)).toEqual([404, "broadcast_not_found"]);
    expect(await lists("DELETE", `/${broadcastId}`)).toMatchObject({ status: 200, body: { data: { broadcastId } } });
    for (const which of [broadcastId, "nothing"]) {
      for (const [method, path, body] of [
        ["GET", "", undefined],
        ["PUT", "", { name: "x" }],
        ["DELETE", "", undefined],
        ["POST", "/send", { message: "x" }],
      ] as const) {
        expect(refused(await lists(method, `/${which}${path}`, body))).toEqual([404, "broadcast_not_found"]);
      }
    }
  });

  test("a message to a broadcast list is a bulk that reaches each recipient in a chat of their own", async () => {
    const broadcastId = await made([bob.number, carol.lidJid]);
    const once = { "idempotency-key": "broadcast-1" };
    const message = "50% off, {{name}} included";
    const answer = await lists("POST", `/${broadcastId}/send`, { message, perMinute: 6000 }, once);
    const { bulkId, location } = answer.body.data;
    expect(answer).toMatchObject({ status: 201, body: { data: { broadcastId, total: 2, accepted: 2, rejected: 0 } } });
    const again = await lists("POST", `/${broadcastId}/send`, { message, perMinute: 6000 }, once);
    expect(again.body.data.bulkId).toBe(bulkId);
    for (const phone of [bob, carol]) expect(await arrived(phone, message)).toMatchObject({ kind: "text", copies: 1 });
    await until(async () => (await gate.api("GET", location)).body.progress.delivered === 2 || undefined);
    const { body } = await gate.api("GET", answer.body.data.recipientsLocation);
    expect(body.recipients.map((one: { status: string }) => one.status)).toEqual(["delivered", "delivered"]);
    expect(erin.inbox.messages.some((one) => one.text === message)).toBe(false);
  });

  test("a broadcast list sends files of any type, also from the request", async () => {
    const broadcastId = await made([bob.number]);
    const image = `data:image/png;base64,${picture.toString("base64")}`;
    const sent: [object, object][] = [
      [{ image, caption: "to all: a picture" }, { kind: "image" }],
      [{ video: files.url("/video.mp4"), caption: "to all: a video" }, { kind: "video" }],
      [{ file: image, filename: "a.png", caption: "to all: a file" }, { media: { fileName: "a.png" } }],
    ];
    for (const [body, expected] of sent) {
      expect((await lists("POST", `/${broadcastId}/send`, { ...body, perMinute: 6000 })).status).toBe(201);
      expect(await arrived(bob, (body as { caption: string }).caption)).toMatchObject(expected);
    }
    await lists("POST", `/${broadcastId}/send`, { audio: files.url("/voice.ogg"), perMinute: 6000 });
    await bob.waitFor((message) => message.chat === owner.jid && message.media?.ptt === true);
  });

  test("a request with an invalid broadcast list or an ambiguous message, or while the instance is not connected, is rejected", async () => {
    const broadcastId = await made([bob.number]);
    const invalid: [string, string, object][] = [
      ["POST", "", {}],
      ["POST", "", { name: " ", recipients: [bob.number] }],
      ["POST", "", { name: "x", recipients: [] }],
      ["POST", "", { name: "x", recipients: ["120363000000000001@g.us"] }],
      ["PUT", `/${broadcastId}`, {}],
      ["POST", `/${broadcastId}/send`, {}],
      ["POST", `/${broadcastId}/send`, { caption: "x" }],
      ["POST", `/${broadcastId}/send`, { message: "x", caption: "y" }],
      ["POST", `/${broadcastId}/send`, { message: "x", image: files.url("/image.jpg") }],
      ["POST", `/${broadcastId}/send`, { message: "x", perMinute: 0 }],
    ];
    for (const [method, path, body] of invalid) {
      expect([body, ...refused(await lists(method, path, body))]).toEqual([body, 400, "invalid_request"]);
    }
    const gone = await lists("POST", `/${broadcastId}/send`, { image: "0".repeat(32) });
    expect(refused(gone)).toEqual([400, "media_not_usable"]);
    const idle = (await lists("POST", "", { name: "x", recipients: [bob.number] }, {}, unlinked)).body.data.broadcastId;
    const answer = await lists("POST", `/${idle}/send`, { message: "x" }, {}, unlinked);
    expect(refused(answer)).toEqual([409, "instance_not_connected"]);
  });
});
