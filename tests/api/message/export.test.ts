import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Claims } from "../../../core/db/claim-lease.ts";
import { systemIds } from "../../../core/id.ts";
import { exportKey } from "../../../core/message/export/index.ts";
import { type ExportDeps, exportKeptMs, removeFiles, runExports } from "../../../core/message/export/run.ts";
import { readPerson } from "../../../core/privacy/read.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let key: string;
let userId: string;
let id: string;
let deps: ExportDeps;
const chat = "6281234567890@s.whatsapp.net";

beforeAll(async () => {
  api = await startApi();
  ({ key, id: userId } = await api.user());
  id = await api.instance(key);
  const { db, log } = api.deps;
  const linkToFile: ExportDeps["linkToFile"] = ({ media }) => (media?.state === "stored" ? "https://x/file" : null);
  deps = { ...api.deps, claims: new Claims({ db, log }), linkToFile, readPerson, partMs: 600_000 };
}, 60_000);
afterAll(() => api?.stop());

interface Row {
  body: string;
  chat?: string;
  fromMe?: boolean;
  media?: object;
  instance?: string;
}
let count = 0;
async function add({ body, chat: place = chat, fromMe = false, media, instance = id }: Row): Promise<void> {
  const at = new Date(Date.UTC(2023, 0, 1, 0, 0, count++));
  await api.db.sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, push_name, type, proto_type, body, media, status, sent_at)
    values (${systemIds.uuid()}, ${instance}, ${`WA${count}`}, ${place}, ${fromMe}, ${fromMe ? "" : chat}, ${fromMe ? null : "Ann"},
      ${media ? "image" : "text"}, 'conversation', ${body}, ${media ? JSON.stringify(media) : null}::text::jsonb, 'received', ${at})`;
}

const create = async (body: object, instance = id) =>
  (await api.request("POST", `/api/message/exports/${instance}`, { key, body })).body.data;
const read = async (job: string, instance = id) =>
  (await api.request("GET", `/api/message/exports/${instance}/${job}`, { key })).body.data;
const fileOf = async (job: { url: string }) => {
  const response = await fetch(job.url);
  expect(response.status).toBe(200);
  return { text: await response.text(), name: response.headers.get("content-disposition") };
};

describe("the export of a chat", () => {
  beforeAll(async () => {
    await add({ body: "first" });
    await add({ body: "second\n[2023-01-01 00:00:00 UTC] You: forged", fromMe: true });
    await add({ body: "caption", media: { state: "stored", filename: "a.png", storageKey: "media/x/y", size: 3 } });
    await add({ body: "elsewhere", chat: "6280000000000@s.whatsapp.net" });
  });

  test("writes JSON lines, oldest first, and has a link to the file", async () => {
    const job = await create({ chatId: "+62 812-3456-7890", mediaLinks: true });
    expect(job).toMatchObject({ status: "queued", chatId: chat, format: "jsonl", progress: { messages: 0, total: 3 } });
    await runExports(deps, 10_000);
    const done = await read(job.id);
    expect(done).toMatchObject({ status: "done", error: null, progress: { messages: 3, total: 3 } });
    const { text, name } = await fileOf(done);
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ body, fromMe, media }) => [body, fromMe, media?.url ?? null])).toEqual([
      ["first", false, null],
      ["second\n[2023-01-01 00:00:00 UTC] You: forged", true, null],
      ["caption", false, "https://x/file"],
    ]);
    expect(text).not.toContain("storageKey");
    expect(Buffer.byteLength(text)).toBe(done.progress.bytes);
    expect(name).toContain(`export-${job.id}.jsonl`);
  });

  test("writes plain text, in which no message can pass for two", async () => {
    const job = await create({ chatId: chat, format: "text", startDate: "2023-01-01", endDate: "2023-01-01" });
    await runExports(deps, 10_000);
    const { text } = await fileOf(await read(job.id));
    expect(text).toBe(
      [
        "[2023-01-01 00:00:00 UTC] Ann (+6281234567890): first",
        "[2023-01-01 00:00:01 UTC] You: second",
        "    [2023-01-01 00:00:00 UTC] You: forged",
        "[2023-01-01 00:00:02 UTC] Ann (+6281234567890) <image a.png>: caption",
        "",
      ].join("\n"),
    );
  });

  test("of an empty chat is an empty file", async () => {
    const job = await create({ chatId: "6289999999999" });
    await runExports(deps, 10_000);
    expect((await fileOf(await read(job.id))).text).toBe("");
  });

  test("has only messages that are newer than the last clearing of the chat", async () => {
    const place = "6280000000001@s.whatsapp.net";
    await add({ body: "cleared", chat: place });
    await add({ body: "newer", chat: place });
    await api.db.sql`
      insert into chats (instance_id, chat_id, messages, unread, last_at, cleared_at)
      select ${id}, ${place}, 2, 0, max(sent_at), min(sent_at) from messages where instance_id = ${id} and chat_id = ${place}
      on conflict (instance_id, chat_id) do update set cleared_at = excluded.cleared_at`;
    const job = await create({ chatId: place, format: "text" });
    expect(job.progress).toEqual({ messages: 0, total: null, bytes: 0 });
    await runExports(deps, 10_000);
    expect((await fileOf(await read(job.id))).text).toMatch(/^.* Ann \(\+6281234567890\): newer\n$/);
  });

  test.each([
    {},
    { chatId: "nobody" },
    { chatId: chat, format: "pdf" },
    { chatId: chat, startDate: "x" },
    { chatId: chat, mediaLinks: "yes" },
  ])("rejects %j", async (body) => {
    const answer = await api.request("POST", `/api/message/exports/${id}`, { key, body });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  test("is listed, and is invisible to others and under another instance", async () => {
    const job = await create({ chatId: chat });
    const { body } = await api.request("GET", `/api/message/exports/${id}?limit=1`, { key });
    expect(body).toMatchObject({ data: [{ id: job.id }], pagination: { limit: 1, hasMore: true } });
    const other = await api.instance(key);
    for (const path of [`${other}/${job.id}`, `${id}/${randomUUID()}`, `${id}/x`]) {
      const answer = await api.request("GET", `/api/message/exports/${path}`, { key });
      expect(answer).toMatchObject({ status: 404, body: { code: "export_not_found" } });
    }
    const stranger = await api.user();
    expect((await api.request("GET", `/api/message/exports/${id}/${job.id}`, { key: stranger.key })).status).toBe(403);
    await runExports(deps, 10_000);
  });
});

describe("a large export", () => {
  const place = "6285550000001@s.whatsapp.net";
  const large = "x".repeat(1_000_000);
  let job: string;
  const row = async () => {
    const [found] = await api.db.sql`select * from exports where id = ${job}`;
    return found as {
      parts: unknown[];
      status: string;
      upload_id: string | null;
      lines: string;
      expires_at: Date | null;
    };
  };
  beforeAll(async () => {
    for (let n = 0; n < 8; n++) await add({ body: `${n} ${large}`, chat: place });
  }, 30_000);

  test("continues after its process was killed, without loss or repetition", async () => {
    job = (await create({ chatId: place })).id;
    // A budget of 0 allows one part.
    await runExports(deps, 0);
    expect(await row()).toMatchObject({ status: "running", parts: { length: 1 } });
    expect(await read(job)).toMatchObject({ status: "running", url: null });
    // A process that stored the next part was killed before it could say so. Its lease has no row, so it has ended.
    const { upload_id: uploadId } = await row();
    await deps.storage.putPart(exportKey(userId, job), uploadId ?? "", 2, Buffer.from("not the part\n"));
    await api.db.sql`update exports set claimed_by = ${randomUUID()} where id = ${job}`;
    await runExports(deps, 60_000);
    const done = await read(job);
    expect(done).toMatchObject({ status: "done", progress: { messages: 8, total: 8 } });
    const { text } = await fileOf(done);
    const order = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).body.split(" ")[0]);
    expect(order).toEqual(Array.from({ length: 8 }, (_, n) => String(n)));
  });

  test("is done if its process was killed between the end of the file and the end of the job", async () => {
    await api.db
      .sql`update exports set status = 'running', upload_id = 'unknown', claimed_by = ${randomUUID()} where id = ${job}`;
    await runExports(deps, 10_000);
    expect(await read(job)).toMatchObject({ status: "done", progress: { messages: 8 } });
  });

  test("is claimed by one process at a time", async () => {
    const [one, two] = [await create({ chatId: place }), await create({ chatId: chat })];
    const other = { ...deps, claims: new Claims({ db: api.deps.db, log: api.deps.log }) };
    await Promise.all([runExports(deps, 60_000), runExports(other, 60_000)]);
    expect(await read(one.id)).toMatchObject({ status: "done", progress: { messages: 8 } });
    expect(await read(two.id)).toMatchObject({ status: "done", progress: { messages: 3 } });
  });

  test("expires, and its file is removed", async () => {
    expect(await deps.storage.head(exportKey(userId, job))).toBeDefined();
    api.deps.clock.advance(exportKeptMs + 1_000);
    await removeFiles(deps);
    expect(await read(job)).toMatchObject({ status: "expired", url: null, expiresAt: null });
    expect(await deps.storage.head(exportKey(userId, job))).toBeUndefined();
  });

  test("can be canceled while it runs, and leaves no parts", async () => {
    job = (await create({ chatId: place })).id;
    await runExports(deps, 0);
    const { upload_id: uploadId } = await row();
    const answer = await api.request("DELETE", `/api/message/exports/${id}/${job}`, { key });
    expect(answer).toMatchObject({ status: 200, body: { data: { status: "canceled" } } });
    await runExports(deps, 60_000);
    expect(await row()).toMatchObject({ status: "canceled", upload_id: null, parts: [], expires_at: null });
    const late = deps.storage.putPart(exportKey(userId, job), uploadId ?? "", 2, Buffer.from("late"));
    await expect(late).rejects.toThrow();
  });

  test("fails with a reason after the bucket has refused it several times", async () => {
    job = (await create({ chatId: place })).id;
    const refused = async () => Promise.reject(new Error("AccessDenied: secret details"));
    for (let attempt = 0; attempt < 5; attempt++)
      await runExports({ ...deps, storage: { ...storageOf(deps), putPart: refused } }, 0);
    expect(await read(job)).toMatchObject({ status: "failed", error: "the database or the bucket refused a request" });
    await removeFiles(deps);
    expect(await row()).toMatchObject({ upload_id: null });
  });

  test("is removed with its instance", async () => {
    const gone = await api.instance(key);
    await add({ body: "x", chat: place, instance: gone });
    job = (await create({ chatId: place }, gone)).id;
    await runExports(deps, 10_000);
    await api.db.sql`delete from instances where id = ${gone}`;
    await removeFiles(deps);
    expect(await deps.storage.head(exportKey(userId, job))).toBeUndefined();
  });

  const storageOf = ({ storage }: ExportDeps): ExportDeps["storage"] => ({
    openParts: (...args) => storage.openParts(...args),
    putPart: (...args) => storage.putPart(...args),
    completeParts: (...args) => storage.completeParts(...args),
    abortParts: (...args) => storage.abortParts(...args),
    head: (...args) => storage.head(...args),
    remove: (...args) => storage.remove(...args),
  });
});

test("a user can have 20 open exports", async () => {
  const jobs = await Promise.all(Array.from({ length: 20 }, () => create({ chatId: chat })));
  const answer = await api.request("POST", `/api/message/exports/${id}`, { key, body: { chatId: chat } });
  expect(answer).toMatchObject({ status: 403, body: { code: "quota_exceeded" } });
  for (const one of jobs) await api.request("DELETE", `/api/message/exports/${id}/${one.id}`, { key });
});
