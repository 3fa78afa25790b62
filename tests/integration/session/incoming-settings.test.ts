import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { dialects } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { until } from "../../support/until.ts";

const statusChat = "status@broadcast";

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let carol: Phone;
let id: string;

beforeAll(async () => {
  gate = await startTestGateway();
  const history = [
    { with: "4915550700002", messages: [{ text: "old, from Bob", id: "OLDBOB", timestamp: dayAgo(1) }] },
    { with: "4915550700003", messages: [{ text: "old, from Carol", id: "OLDCAROL", timestamp: dayAgo(2) }] },
  ];
  owner = await gate.wa.addPhone({ number: "4915550700001", pushName: "Owner", history });
  bob = await gate.wa.addPhone({ number: "4915550700002", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "4915550700003", pushName: "Carol" });
  id = await gate.linked(owner, "gateway", { history: "recent", ignore: { chats: [carol.number] } });
  await until(async () => (await rows("OLDBOB"))[0]);
});
afterAll(() => gate?.stop());

const dayAgo = (days: number) => Math.floor(Date.now() / 1000) - days * 24 * 60 * 60;

const paths = { gateway: () => `/api/instance/${id}`, "multi-instance": () => `/api/instances/${id}` };
const set = async (settings: object, dialect: keyof typeof paths = "gateway") => {
  const answer = await gate.api("PUT", paths[dialect](), { body: settings });
  expect(answer).toMatchObject({ status: 200 });
  return answer.body.data ?? answer.body;
};

const rows = async (waId: string) =>
  await gate.db.sql`select type from messages where instance_id = ${id} and wa_id = ${waId}`;
/** Returns the types of the events that mention a message. */
const told = async (waId: string) => {
  const events = await gate.db.sql<{ type: string }[]>`
    select type from events where instance_id = ${id} and strpos(data::text, ${waId}) > 0 order by seq`;
  return events.map(({ type }) => type);
};
/** Sends a message that is never ignored, and waits until it is stored. Everything before it is then handled. */
async function settle(): Promise<void> {
  const sent = await bob.sendText(owner.number, "after it");
  await until(async () => (await rows(sent.id))[0]);
}
/** The session has acknowledged everything, so WhatsApp keeps nothing for it. */
const expectAcknowledged = () => until(async () => gate.wa.device(owner.number).kept.size === 0 || undefined);

describe("the setting `ignore`", () => {
  const group = () => bob.createGroup("Team", [owner.number]).jid;
  const channel = () => {
    const { jid } = bob.channels.create("News");
    owner.channels.follow(jid);
    return jid;
  };
  const audience = () => [owner.number];

  test.each<[string, object, () => Promise<string>]>([
    ["groups", { groups: true }, async () => (await bob.sendText(group(), "in the group")).id],
    [
      "status posts",
      { statuses: true },
      async () => (await bob.sendText(statusChat, "posted", { audience: audience() })).id,
    ],
    ["channels", { channels: true }, async () => bob.channels.post(channel(), "in the channel")],
    [
      "broadcast lists",
      { broadcasts: true },
      async () => (await bob.sendText("1700000000@broadcast", "to all", { audience: audience() })).id,
    ],
    [
      "a chat by phone number",
      { chats: ["+49 1555 0700003"] },
      async () => (await carol.sendText(owner.number, "hi")).id,
    ],
    ["a chat by LID", { chats: ["LID"] }, async () => (await carol.sendText(owner.number, "hi")).id],
    ["files", { chats: ["4915550700003"] }, async () => (await carol.sendImage(owner.number, png())).id],
  ])("hides messages of %s at once, and the session still acknowledges them", async (_name, ignore, send) => {
    await set({ ignore: null });
    const before = await send();
    await until(async () => (await rows(before))[0]);
    expect(await told(before)).not.toEqual([]);
    const chats = (ignore as { chats?: string[] }).chats?.map((chat) => (chat === "LID" ? carol.lidJid : chat));
    await set({ ignore: { ...ignore, ...(chats && { chats }) } });
    const hidden = await send();
    await settle();
    expect(await rows(hidden)).toEqual([]);
    expect(await told(hidden)).toEqual([]);
    await expectAcknowledged();
    await set({ ignore: null });
    const after = await send();
    await until(async () => (await rows(after))[0]);
  });

  test("hides reactions, edits and deletions in an ignored chat, and messages that can't be read", async () => {
    await set({ ignore: { chats: [carol.number] } });
    const sent = await carol.sendText(owner.number, "first");
    await carol.edit(sent, "second");
    await carol.react(sent, "👍");
    await carol.revoke(sent);
    const unreadable = await carol.sendText(owner.number, "view it on the phone", { withheld: "view_once" });
    await settle();
    expect(await told(sent.id)).toEqual([]);
    expect(await told(unreadable.id)).toEqual([]);
    await set({ ignore: null });
  });

  test("is shown by both dialects, replaces the whole setting, and refuses unknown rules by name", async () => {
    const nothing = { groups: false, statuses: false, channels: false, broadcasts: false, chats: [] };
    for (const dialect of dialects) {
      expect((await set({ ignore: { groups: true, chats: ["4915550700003"] } }, dialect)).ignore).toEqual({
        ...nothing,
        groups: true,
        chats: ["4915550700003@s.whatsapp.net"],
      });
      expect((await set({ name: "same" }, dialect)).ignore).toMatchObject({ groups: true });
      expect((await set({ ignore: { statuses: true } }, dialect)).ignore).toEqual({ ...nothing, statuses: true });
      expect((await set({ ignore: null }, dialect)).ignore).toEqual(nothing);
      const refused = await gate.api("PUT", paths[dialect](), { body: { ignore: { bots: true } } });
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toContain("bots");
    }
  });

  test("applies to the import of the history", async () => {
    expect(await rows("OLDBOB")).toHaveLength(1);
    expect(await rows("OLDCAROL")).toEqual([]);
  });
});

test("the session makes no complaint", () => expectNoComplaints(gate.wa));
