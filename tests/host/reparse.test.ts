import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { proto } from "@whiskeysockets/baileys";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { systemIds } from "../../core/id.ts";
import { contentVersion } from "../../core/message/content/index.ts";
import { reparseSlice } from "../../session-host/inbound/content/reparse.ts";
import { type ShardDatabase, startShardDatabase } from "../support/session-host/shard-database.ts";

let database: ShardDatabase;
let instanceId: string;

beforeAll(async () => {
  database = await startShardDatabase();
});
afterAll(() => database?.stop());
beforeEach(async () => {
  ({ id: instanceId } = await database.createInstance());
});

interface Old {
  payload: Uint8Array | null;
  body?: string;
  type?: string;
  protoType?: string;
  edited?: boolean;
  content?: object;
  version?: number;
}

const encode = (message: proto.IMessage) => proto.Message.encode(message).finish();

async function store({ payload, body = "", type = "text", protoType = "conversation", ...rest }: Old): Promise<string> {
  const id = systemIds.uuid();
  await database.db.sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, payload, sent_at,
      edited_at, content_version, content)
    values (${id}, ${instanceId}, ${id}, '1@s.whatsapp.net', false, ${type}, ${protoType}, ${body}, 'received',
      ${payload && Buffer.from(payload)}, now(), ${rest.edited ? new Date() : null}, ${rest.version ?? null},
      ${rest.content ? JSON.stringify(rest.content) : null}::text::jsonb)`;
  return id;
}

const stored = async (id: string) =>
  (
    await database.db.sql`
      select content, content_version as version, body, type, proto_type as "protoType" from messages where id = ${id}`
  )[0];

/** Reads all messages again. Returns the number of messages of each slice. */
async function reparse(): Promise<number[]> {
  const slices: number[] = [];
  for (let after: string | undefined; ; ) {
    const { read, last } = await reparseSlice(database.db, after);
    if (last === undefined) return slices;
    after = last;
    slices.push(read);
  }
}

test("messages of an older version get their content, and a body if they had none", async () => {
  const pin = { locationMessage: { degreesLatitude: 52.52, degreesLongitude: 13.4 } };
  const place = await store({ payload: encode(pin), type: "location", protoType: "locationMessage" });
  const wrapped = await store({
    payload: encode({ ephemeralMessage: { message: { conversation: "hi" } } }),
    body: "hi",
  });
  await reparse();
  const content = { kind: "location", latitude: 52.52, longitude: 13.4 };
  expect(await stored(place)).toMatchObject({
    content,
    version: contentVersion,
    body: "52.52, 13.4",
    type: "location",
  });
  expect(await stored(wrapped)).toMatchObject({ content: { kind: "text", text: "hi" }, body: "hi" });
});

test("a message that was unknown gets its type", async () => {
  const id = await store({
    payload: encode({ conversation: "hi" }),
    body: "Unsupported message",
    type: "unknown",
    protoType: "unknown",
    version: contentVersion - 1,
  });
  await reparse();
  expect(await stored(id)).toMatchObject({ body: "hi", type: "text", protoType: "conversation" });
});

test("an edited message keeps its new text", async () => {
  const payload = encode({ imageMessage: { caption: "before", width: 3 } });
  const id = await store({ payload, body: "after", type: "image", protoType: "imageMessage", edited: true });
  await reparse();
  expect(await stored(id)).toMatchObject({ body: "after", content: { kind: "image", caption: "after", width: 3 } });
});

test("an edited message keeps its new content, and a stale content is dropped", async () => {
  const payload = encode({ locationMessage: { degreesLatitude: 1, degreesLongitude: 2 } });
  const old = { payload, body: "3, 4", type: "location", protoType: "locationMessage", edited: true };
  const content = { kind: "location", latitude: 3, longitude: 4 };
  const [kept, stale] = [await store({ ...old, content }), await store(old)];
  await reparse();
  expect(await stored(kept)).toMatchObject({ content, body: "3, 4" });
  expect(await stored(stale)).toMatchObject({ content: null, body: "3, 4" });
});

test("npm run reparse reads all messages, and says how many", async () => {
  const id = await store({ payload: encode({ conversation: "hi" }) });
  const env = { ...process.env, DATABASE_URL: database.url, LOG_LEVEL: "info" };
  const { stdout } = await promisify(execFile)(process.execPath, ["session-host/reparse.ts"], { env });
  expect(stdout).toContain('"total":1,"msg":"all messages are read by this version"');
  expect(await stored(id)).toMatchObject({ content: { kind: "text", text: "hi" } });
});

test("messages of this version, and messages without a protobuf, stay as they are", async () => {
  const current = await store({ payload: encode({ conversation: "hi" }), version: contentVersion });
  const bare = await store({ payload: null });
  const before = [await stored(current), await stored(bare)];
  expect(await reparse()).toEqual([]);
  expect([await stored(current), await stored(bare)]).toEqual(before);
});

test("slices are bounded in number and bytes, and together read every message once", async () => {
  const ids: string[] = [];
  for (let index = 0; index < 205; index++) ids.push(await store({ payload: encode({ conversation: `${index}` }) }));
  for (let index = 0; index < 3; index++) {
    ids.push(
      await store({ payload: encode({ conversation: "x", imageMessage: { scansSidecar: Buffer.alloc(2_000_000) } }) }),
    );
  }
  const slices = await reparse();
  expect(slices[0]).toBe(200);
  expect(slices.slice(1).every((read) => read <= 6)).toBe(true);
  expect(slices.reduce((sum, read) => sum + read, 0)).toBe(ids.length);
  expect(await reparse()).toEqual([]);
});
