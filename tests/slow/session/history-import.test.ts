import { deflateSync } from "node:zlib";
import { proto } from "@whiskeysockets/baileys";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { sealMedia } from "../../../simulator/wire/media.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { dialects, restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let bob: Phone;
let added = 0;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550300002", pushName: "Bob" });
});
afterAll(() => gate?.stop());

const dayAgo = (days: number) => Math.floor(Date.now() / 1000) - days * 24 * 60 * 60;

const newPhone = (history: NonNullable<Parameters<TestGateway["wa"]["addPhone"]>[0]["history"]>) =>
  gate.wa.addPhone({ number: `49155503010${String(added++).padStart(2, "0")}`, pushName: "Owner", history });

/** Returns the data of the instance's webhooks with this event name, in order. */
const webhooks = (instance: string, name: string) =>
  gate.receiver.deliveries.flatMap(({ body }) =>
    body.data.instanceId === instance && body.event.replace(".", "_") === name ? [body.data] : [],
  );

const completed = (instance: string) => until(async () => webhooks(instance, "history_completed")[0]);

/** Returns the rows of the instance's messages, the newest first. */
const stored = (instance: string) => gate.db.sql<Record<string, unknown>[]>`
  select wa_id, chat_id, body, status, imported, from_me, read_at is not null as read from messages
  where instance_id = ${instance} order by sent_at desc, wa_id`;

describe.each(dialects)("in the %s dialect", (dialect) => {
  const linked = async (owner: Phone, history: string) => {
    const instance = await gate.linked(owner, dialect, { history });
    return restClient(gate, dialect, instance);
  };

  test("applies an edit that arrives before the import of its message", async () => {
    const id = `HISTEDIT${dialect.length}`;
    const messages = [{ text: "before", id, timestamp: dayAgo(1) }];
    const owner = await newPhone([{ with: bob.number, messages }]);
    const { instance } = await linked(owner, "recent");
    const key = { remoteJid: owner.lidJid, id, fromMe: true };
    const protocolMessage = { key, type: 14, editedMessage: { conversation: "after" }, timestampMs: Date.now() };
    await bob.sendMessage(owner.number, { protocolMessage }, { edit: "1" });
    await completed(instance);
    await until(async () => (await stored(instance)).find((row) => row.wa_id === id && row.body === "after"));
    expect(await gate.db.sql`select 1 from waiting_notes where instance_id = ${instance}`).toHaveLength(0);
  });

  test("imports what the setting asks for, without a webhook for each message", async () => {
    const history = { chats: 4, messages: 1_200, days: 181 };
    const [none, recent, full] = await Promise.all([
      linked(await newPhone(history), "none"),
      linked(await newPhone(history), "recent"),
      linked(await newPhone(history), "full"),
    ]);
    expect(await completed(recent.instance)).toMatchObject({
      reason: "finished",
      messages: 596,
      chats: 4,
      failedParts: 0,
    });
    expect(await completed(full.instance)).toMatchObject({
      reason: "finished",
      messages: 1_200,
      chats: 4,
      failedParts: 0,
    });
    const phases = webhooks(full.instance, "history_progress").map(({ phase, percent }) => [phase, percent]);
    expect(phases).toEqual([
      ["initial", 100],
      ["recent", 50],
      ["recent", 100],
      ["full", 50],
      ["full", 100],
    ]);
    const rows = await stored(full.instance);
    expect(rows).toHaveLength(1_200);
    expect(rows[0]).toMatchObject({
      wa_id: "HIST0",
      chat_id: "491700000000@s.whatsapp.net",
      status: "received",
      read: true,
    });
    // The number of the LID comes from the history.
    expect(rows[1]).toMatchObject({ wa_id: "HIST1", chat_id: "491700000001@s.whatsapp.net", imported: true });
    expect(await full.history("491700000001", 100)).toHaveLength(100);
    const chats = (await gate.api("GET", `/api/message/chats/${full.instance}`)).body.data;
    expect(chats.map(({ name }: { name: string }) => name).toSorted()).toEqual([
      "Chat 0",
      "Chat 1",
      "Chat 2",
      "Chat 3",
    ]);

    await until(async () => {
      const { body } = await gate.api("GET", `/api/whatsapp/${none.instance}/contacts`);
      return body.contacts?.some(({ name }: { name: string }) => name === "Chat 1") || undefined;
    });
    expect(await stored(none.instance)).toEqual([]);
    expect(webhooks(none.instance, "history_progress")).toEqual([]);
    for (const { instance } of [none, recent, full]) {
      expect(webhooks(instance, "message_received")).toEqual([]);
      expect(webhooks(instance, "message_sent")).toEqual([]);
    }
  });

  test("announces a message that arrives although the history had it, and stores it once", async () => {
    const owner = await newPhone([
      {
        with: bob.number,
        name: "Bob",
        unread: 1,
        messages: [
          { text: "unread", timestamp: dayAgo(1), id: `${dialect}-UNREAD` },
          { text: "read", timestamp: dayAgo(2), id: `${dialect}-READ`, reaction: "👍" },
          { text: "both", timestamp: dayAgo(3), id: `${dialect}-BOTH` },
          { text: "mine", fromMe: true, timestamp: dayAgo(4), id: `${dialect}-MINE` },
        ],
      },
    ]);
    const client = await linked(owner, "recent");
    await completed(client.instance);
    expect(await stored(client.instance)).toMatchObject([
      { body: "unread", status: "received", read: false },
      { body: "read", status: "received", read: true },
      { body: "both", imported: true },
      { body: "mine", status: "read", from_me: true },
    ]);
    const reactions = await gate.db.sql`
      select wa_id, sender_id, emoji from reactions where instance_id = ${client.instance}`;
    expect(reactions).toEqual([{ wa_id: `${dialect}-READ`, sender_id: "", emoji: "👍" }]);
    expect(webhooks(client.instance, "message_reaction")).toEqual([]);
    await bob.sendText(owner.number, "both", { id: `${dialect}-BOTH` });
    expect(client.textOf(await client.reported("received", `${dialect}-BOTH`))).toBe("both");
    const rows = await stored(client.instance);
    expect(rows).toHaveLength(4);
    expect(rows.find(({ body }) => body === "both")).toMatchObject({ imported: false });
  });

  test("fetches the file of an old message when it is first requested", async () => {
    const file = png();
    const { ciphertext, ...reference } = sealMedia(file, "image");
    const directPath = gate.wa.media.put("image", ciphertext);
    const image = (path: string) => ({
      imageMessage: { ...reference, directPath: path, mimetype: "image/png", caption: "old" },
    });
    const owner = await newPhone([
      {
        with: bob.number,
        messages: [
          { text: "", message: image(directPath), timestamp: dayAgo(1), id: `${dialect}-FILE` },
          { text: "", message: image("/gone"), timestamp: dayAgo(2), id: `${dialect}-GONE` },
        ],
      },
    ]);
    const { instance } = await linked(owner, "recent");
    await completed(instance);
    const before = gate.wa.media.counts.downloads;
    const get = (id: string) =>
      gate.api("GET", `/api/instances/${instance}/messages/${dialect}-${id}/media?format=json`);
    expect(await get("FILE")).toMatchObject({ status: 409, body: { code: "media_not_ready" } });
    expect(before).toBe(gate.wa.media.counts.downloads);
    const { url } = await until(async () => {
      const answer = await get("FILE");
      return answer.status === 200 ? answer.body : undefined;
    });
    expect(Buffer.from(await (await fetch(url)).arrayBuffer())).toEqual(file);
    await until(async () => ((await get("GONE")).body.code === "media_lost" ? true : undefined));
  });
});

test("reports a part that is damaged, and ignores a part that another person sends", async () => {
  const owner = await newPhone([{ with: bob.number, messages: [{ text: "old", timestamp: dayAgo(1) }] }]);
  const instance = await gate.linked(owner, "gateway", { history: "recent" });
  await completed(instance);
  const type = proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION;
  const notice = (payload: Buffer) => {
    const syncType = proto.Message.HistorySyncType.RECENT;
    const historySyncNotification = { syncType, progress: 100, initialHistBootstrapInlinePayload: payload };
    return { protocolMessage: { type, historySyncNotification } };
  };
  const forged = [
    { id: bob.lidJid, messages: [{ message: { key: { id: "FORGED" }, message: { conversation: "x" } } }] },
  ];
  const history = proto.HistorySync.fromObject({ syncType: 3, conversations: forged });
  await bob.sendMessage(owner.number, notice(deflateSync(proto.HistorySync.encode(history).finish())));
  await owner.sender.sendToCompanion(gate.wa.device(owner.number), notice(Buffer.from("damaged")));
  const report = await until(async () => webhooks(instance, "history_progress").find(({ error }) => error !== null));
  expect(report).toMatchObject({ phase: "recent", failedParts: 1, error: expect.stringContaining("decompressed") });
  expect((await stored(instance)).map(({ body }) => body)).toEqual(["old"]);
});

test("continues after a restart, and stores each message once", async () => {
  const owner = await newPhone({ chats: 3, messages: 1_500, days: 60 });
  // The first part fails once at each media host, and waits when the gateway stops.
  gate.wa.media.faults.download.add(503, 2);
  const instance = await gate.linked(owner, "multi-instance", { history: "recent" });
  await gate.restart();
  await gate.status(instance, "connected");
  expect(await completed(instance)).toMatchObject({ reason: "finished", messages: 1_500, failedParts: 0 });
  const rows = await stored(instance);
  expect(new Set(rows.map(({ wa_id }) => wa_id)).size).toBe(1_500);
  expect(rows).toHaveLength(1_500);
  const parts = await gate.db.sql`
    select state, notification is null as cleared, count(*)::int as n from history_parts where instance_id = ${instance} group by 1, 2`;
  expect(parts).toEqual([{ state: "imported", cleared: true, n: 4 }]);
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
