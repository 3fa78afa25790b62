import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createVault } from "../../core/crypto/index.ts";
import { derivedEventId } from "../../core/event/derived-id.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { contextForEvent } from "../../core/message/context.ts";
import type { Change, NewMessage, UnreadableMessage } from "../../session-host/ledger/change.ts";
import { Ledger } from "../../session-host/ledger/ledger.ts";
import { type ShardDatabase, startShardDatabase } from "../support/session-host/shard-database.ts";

const vault = createVault(new Map([[1, randomBytes(32)]]), 1);
const bob = "4915550000002@s.whatsapp.net";
const bobLid = "900000000000002@lid";

let database: ShardDatabase;
let ledger: Ledger;
let instanceId: string;

beforeAll(async () => {
  database = await startShardDatabase();
  const { host, lease } = await database.takeLease();
  const none = () => undefined;
  const deps = { db: database.db, vault, ids: systemIds, log: createLogger("test", "silent"), host, lease };
  ledger = new Ledger({ ...deps, now: () => new Date(), onEvents: none, onReplies: none });
});
afterAll(() => database?.stop());
beforeEach(async () => {
  instanceId = (await database.createInstance()).id;
});

const row = (waId: string, type: string): Omit<NewMessage, "event"> => ({
  ...{ id: systemIds.uuid(), wa_id: waId, chat_id: bob, from_me: false, sender_id: bob, sender_lid: bobLid },
  ...{ push_name: null, type, proto_type: "", body: "", media: null, content: null, content_version: 1 },
  ...{ context: null, status: "received", unread: true, payload: null, sent_at: "2026-01-01T00:00:00.000Z" },
});
const reason = "no_content";

/** An unreadable message that is announced. */
const unreadable = (waId: string, changes: Partial<UnreadableMessage> = {}): Change => ({
  unreadable: [
    {
      ...{ waId, sender: bobLid, senderAlt: bob, attrs: { id: waId, from: bobLid }, reason, hidden: false },
      ...{ dueAt: new Date(), pending: false },
      message: {
        ...row(waId, "unreadable"),
        event: {
          id: derivedEventId(instanceId, "unreadable", waId),
          type: "message.unreadable",
          data: {
            ...{ messageId: waId, chatId: bob, senderId: bob, senderLid: bobLid, pushName: null, fromMe: false },
            ...{ isGroup: false, timestamp: 1, reason, requested: true },
          },
        },
      },
      ...changes,
    },
  ],
});
/** A message that can't be decrypted, which its sender may send again. */
const failed = (waId: string) => unreadable(waId, { message: null });
/** The announcement of such a message. */
const late = (waId: string) => unreadable(waId, { pending: true });
const content = (waId: string): Change => ({
  readable: [{ waId, senders: [bob] }],
  messages: [
    {
      ...row(waId, "text"),
      event: {
        type: "message.received",
        data: {
          ...{ messageId: waId, chatId: bob, type: "text", protoType: "conversation", body: "", timestamp: 1 },
          ...{
            media: null,
            content: null,
            ...contextForEvent(null),
            senderId: bob,
            senderLid: bobLid,
          },
          ...{ pushName: null, isGroup: false, to: null },
        },
      },
    },
  ],
});
/** The content of an edit or a vote, which is not a message itself. */
const other = (waId: string): Change => ({ readable: [{ waId, senders: [bobLid] }] });
const deletion = (waId: string): Change => ({
  revisions: [
    {
      ...{ kind: "delete", waId, chatIds: [bob], author: [bob], by: bob, byLid: null, pushName: null, fromMe: false },
      at: new Date(),
    },
  ],
});

type Step = (waId: string) => Change;
const steps = { unreadable, failed, late, content, other, deletion } satisfies Record<string, Step>;

/** Returns the events of a message, its rows in the history, and the number of its rows that are still unreadable. */
async function stateOf(waId: string) {
  const { sql } = database.db;
  const [events, rows, open] = await Promise.all([
    sql<{ type: string }[]>`
      select type from events where instance_id = ${instanceId} and data->>'messageId' = ${waId} order by seq`,
    sql<{ type: string }[]>`select type from messages where instance_id = ${instanceId} and wa_id = ${waId}`,
    sql`select 1 from unreadable_messages where instance_id = ${instanceId} and wa_id = ${waId}`,
  ]);
  const short = events.map(({ type }) => type.replace("message.", ""));
  return [short.join(" "), rows.map(({ type }) => type).join(" "), open.length];
}

test.each<[order: string, events: string, history: string, open: number]>([
  ["unreadable", "unreadable", "unreadable", 1],
  ["unreadable unreadable", "unreadable", "unreadable", 1],
  ["unreadable content", "unreadable received", "text", 0],
  ["unreadable content content", "unreadable received", "text", 0],
  ["content unreadable", "received", "text", 0],
  ["unreadable other", "unreadable", "", 0],
  ["unreadable | deletion | content", "unreadable deleted", "unreadable", 0],
  ["failed", "", "", 1],
  ["failed failed", "", "", 1],
  ["failed content", "received", "text", 0],
  ["failed | late", "unreadable", "unreadable", 1],
  ["failed | late late", "unreadable", "unreadable", 1],
  ["failed | late failed", "unreadable", "unreadable", 1],
  ["failed | late content", "unreadable received", "text", 0],
  ["failed | content late", "received", "text", 0],
  ["failed | other late", "", "", 0],
  ["failed | failed late", "unreadable", "unreadable", 1],
  ["failed unreadable content", "unreadable received", "text", 0],
])(
  "%s (| ends a batch): tells each message once, in these batches and with each change in its own",
  async (order, ...expected) => {
    const append = async (waId: string, batches: readonly string[]) => {
      for (const batch of batches)
        await Promise.all(
          batch.split(" ").map((step) => ledger.append(instanceId, steps[step as keyof typeof steps](waId))),
        );
    };
    await append("TOGETHER", order.split(" | "));
    await append("APART", order.replaceAll(" |", "").split(" "));
    expect({ together: await stateOf("TOGETHER"), apart: await stateOf("APART") }).toEqual({
      together: expected,
      apart: expected,
    });
  },
);

test("an unreadable message of another sender with the same id stays", async () => {
  const carol = "4915550000003@s.whatsapp.net";
  const [item] = unreadable("SAME").unreadable ?? [];
  if (!item?.message) throw new Error("there is no message");
  const message = { ...item.message, id: systemIds.uuid(), chat_id: carol, sender_id: carol };
  await ledger.append(instanceId, unreadable("SAME"));
  await ledger.append(instanceId, unreadable("SAME", { sender: carol, senderAlt: null, message }));
  await ledger.append(instanceId, content("SAME"));
  const rows = await database.db.sql<{ sender_id: string; type: string }[]>`
    select sender_id, type from messages where instance_id = ${instanceId} order by sender_id`;
  expect([...rows]).toEqual([
    { sender_id: bob, type: "text" },
    { sender_id: carol, type: "unreadable" },
  ]);
});

test("what happened to an unreadable message stays when its content arrives", async () => {
  await ledger.append(instanceId, unreadable("READ"));
  const { sql } = database.db;
  const [found] = await sql<{ id: string }[]>`select id from messages where instance_id = ${instanceId}`;
  await ledger.append(instanceId, { readMarks: [found?.id ?? ""] });
  await ledger.append(instanceId, content("READ"));
  const rows = await sql`select type, read_at is not null as read from messages where instance_id = ${instanceId}`;
  expect([...rows]).toEqual([{ type: "text", read: true }]);
});

test("a logout forgets the unreadable messages, because another account has no content of them", async () => {
  await ledger.append(instanceId, unreadable("GONE"));
  await ledger.append(instanceId, { forgetSession: true });
  expect(await stateOf("GONE")).toEqual(["unreadable", "unreadable", 0]);
});
