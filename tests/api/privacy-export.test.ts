import { randomUUID } from "node:crypto";
import { getTableColumns, getTableName } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Claims } from "../../core/db/claim-lease.ts";
import { exportKey } from "../../core/message/export/index.ts";
import { type ExportDeps, exportKeptMs, removeFiles, runExports } from "../../core/message/export/run.ts";
import { copies } from "../../core/privacy/copies.ts";
import { runErasures } from "../../core/privacy/erase.ts";
import { entriesAbout, partAbout, personOf } from "../../core/privacy/person.ts";
import { readPerson } from "../../core/privacy/read.ts";
import { createApiKey } from "../../core/user/index.ts";
import { startApi, type TestApi } from "../support/api/api.ts";
import { canHold, notExported } from "../support/privacy/coverage.ts";
import {
  addMessage,
  group,
  jid,
  lid,
  lidUser,
  number,
  other,
  secret,
  seed,
  seedRest,
  tables,
} from "../support/privacy/seed.ts";

let api: TestApi;
let key: string;
let userId: string;
let id: string;
let deps: ExportDeps;

interface Line {
  kind: string;
  instanceId: string;
  relation: "own" | "named";
  person?: string[];
  data: Record<string, unknown>;
}

beforeAll(async () => {
  api = await startApi();
  ({ key, id: userId } = await api.user());
  id = await api.instance(key);
  const { db, log } = api.deps;
  const linkToFile: ExportDeps["linkToFile"] = ({ media }) => (media?.state === "stored" ? "https://x/file" : null);
  deps = { ...api.deps, claims: new Claims({ db, log }), linkToFile, readPerson, partMs: 600_000 };
  for (const instance of [id, await api.instance(key)]) {
    await seed(api, instance, userId);
    await seedRest(api, instance);
  }
}, 60_000);
afterAll(() => api?.stop());

const path = "/api/privacy/exports";
const create = async (body: object, by = key) => (await api.request("POST", path, { key: by, body })).body.data;
const read = async (job: string, by = key) => (await api.request("GET", `${path}/${job}`, { key: by })).body.data;
async function linesOf(job: { url: string }): Promise<Line[]> {
  const response = await fetch(job.url);
  expect(response.status).toBe(200);
  const text = await response.text();
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}
async function exported(person: string, by = key): Promise<Line[]> {
  const { id: job } = await create({ person }, by);
  await runExports(deps, 60_000);
  return await linesOf(await read(job, by));
}
const of = (lines: readonly Line[], kind: string, instance = id) =>
  lines.filter((line) => line.kind === kind && line.instanceId === instance);

describe("the export of a person", () => {
  /** Where a line has a column under another name. */
  const renamed: Record<string, string> = {
    "messages.wa_id": "messageId",
    "messages.sender_id": "from",
    "messages.sender_lid": "fromLid",
    "messages.push_name": "name",
    "messages.sent_at": "timestamp",
    "deliveries.url": "receiver",
  };
  const propertyOf = (name: string) =>
    renamed[name] ?? name.replace(/^\w+\./, "").replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  /** Where the rows of a table are part of other lines. */
  const parts: Record<string, string> = {
    "attempts.error": "deliveries.attempts",
    "attempts.response": "deliveries.attempts",
    "idempotency_keys.key": "commands.key",
    "labels.name": "label_targets.name",
  };
  const isEmpty = (value: unknown) => value === null || value === undefined || JSON.stringify(value) === "[]";
  let lines: Line[];
  beforeAll(async () => {
    lines = await exported(`+${number}`);
  });

  test("has every column that can hold data about a person, or a reason why not", () => {
    // Each line has the id of the instance.
    const copied = new Set(copies.flatMap(({ table, columns }) => [...columns, `${table}.instance_id`]));
    const needed = tables().flatMap((table) => {
      const name = getTableName(table);
      return Object.values(getTableColumns(table)).flatMap((column) =>
        canHold(name, column.name) ? [`${name}.${column.name}`] : [],
      );
    });
    expect(needed.length).toBeGreaterThan(100);
    expect(new Set(copies.map(({ name }) => name)).size).toBe(copies.length);
    expect(needed.filter((name) => !copied.has(name) && !notExported[name])).toEqual([]);
    expect(Object.keys(notExported).filter((name) => copied.has(name) || !needed.includes(name))).toEqual([]);
    // The database of this test has a value in each column that is copied.
    const without = copies.flatMap(({ table, columns }) =>
      columns.filter((name) => {
        const [kind = table, property = propertyOf(name)] = parts[name]?.split(".") ?? [];
        return of(lines, kind).every(({ data }) => isEmpty(data[property]));
      }),
    );
    expect(without).toEqual([]);
  });

  test("has lines of every table that names the person, from each instance", async () => {
    const kinds = new Set(lines.map(({ kind }) => kind));
    for (const table of tables().map(getTableName)) {
      const rows = await api.db.sql<{ text: string }[]>`select t::text as text from ${api.db.sql(table)} t`;
      const names = rows.some(({ text }) => [number, lidUser, secret].some((one) => text.includes(one)));
      const isPart = Object.keys(parts).some((part) => part.startsWith(`${table}.`));
      const hasReason = Object.keys(notExported).some((name) => name.startsWith(`${table}.`));
      if (names && !isPart) expect(kinds.has(table) || hasReason, table).toBe(true);
    }
    const count = (instance: string) => lines.filter(({ instanceId }) => instanceId === instance).length;
    expect(count(id)).toBeGreaterThan(40);
    expect(lines).toHaveLength(2 * count(id) + 1);
  });

  test("begins with the person, and has the messages whole, also cleared ones, with links to files", () => {
    expect(lines[0]).toMatchObject({ kind: "person", person: [jid, lid] });
    const messages = of(lines, "messages").map(({ relation, data }) => [data.messageId, relation, data.body]);
    expect(messages).toEqual([
      ["WA1", "own", `${secret} says hello`],
      ["WA2", "own", `hello ${secret}`],
      ["WA3", "own", secret],
      ["WA4", "own", secret],
      ["WA5", "named", `@${number} I agree`],
      ["WA6", "named", secret],
    ]);
    expect(of(lines, "messages")[0]?.data).toMatchObject({ from: jid, media: { url: "https://x/file" } });
  });

  test("leaves out other people, where they can be told apart", () => {
    const data = (kind: string) => of(lines, kind).map((line) => line.data);
    const named = data("messages").slice(4);
    expect(named).toMatchObject([
      { context: { quotedSender: lid, mentions: [jid] } },
      { content: { contacts: [{ name: secret, phones: [number] }] } },
    ]);
    expect(JSON.stringify(named)).not.toContain("Carl");
    expect(data("recipient_lists")).toMatchObject([{ jids: [`${lidUser}:3@lid`], people: [`${jid} ${lid}`] }]);
    expect(data("broadcasts")).toMatchObject([{ recipients: [jid] }]);
    expect(data("webhooks")).toMatchObject([{ filters: { chats: { allow: [jid] } } }]);
    expect(data("instances")).toEqual([
      { webhookFilters: { chats: { deny: [jid] } } },
      { ignoreRules: { chats: [jid] } },
      { metadata: { customer: number } },
    ]);
    const rest = lines.filter(({ kind }) => !["messages", "events", "deliveries", "activities"].includes(kind));
    for (const line of rest)
      for (const word of [other, "Bob", "untouched"]) expect(JSON.stringify(line)).not.toContain(word);
  });

  test("has no secret and no place in the bucket", () => {
    const text = lines.map((line) => JSON.stringify(line)).join("\n");
    for (const word of ["c2VhbGVk", "sealed", "storageKey", "secret-path"]) expect(text).not.toContain(word);
    expect(Object.keys(of(lines, "refused_stanzas")[0]?.data ?? {})).not.toContain("plaintext");
    expect(of(lines, "deliveries")[0]?.data).toMatchObject({
      receiver: "example.com",
      attempts: [{ response: secret }],
    });
  });

  test("finds the same by the LID, and a person whose other JID only a message has", async () => {
    const [first, ...rest] = await exported(lid);
    expect(first).toMatchObject({ kind: "person", person: [lid, jid] });
    expect(rest.map((line) => JSON.stringify(line))).toEqual(lines.slice(1).map((line) => JSON.stringify(line)));
    const [number2, lid2] = ["4915550000777@s.whatsapp.net", "77788899900011@lid"];
    await addMessage(api, id, "X1", { chat: group, sender: number2, lid: lid2, body: "from the number" });
    await addMessage(api, id, "X2", { chat: group, sender: lid2, body: "from the LID" });
    const found = await exported(number2);
    expect(found[0]).toMatchObject({ person: [number2, lid2] });
    expect(of(found, "messages").map(({ data }) => data.body)).toEqual(["from the number", "from the LID"]);
    await api.db.sql`delete from messages where wa_id in ('X1', 'X2')`;
  });

  test("of an unknown person, or of the person of another user, has only the first line", async () => {
    expect(await exported("+4915559999999")).toMatchObject([
      { kind: "person", person: ["4915559999999@s.whatsapp.net"] },
    ]);
    const stranger = await api.user();
    expect(await exported(`+${number}`, stranger.key)).toHaveLength(1);
    await api.instance(stranger.key);
    expect(await exported(`+${number}`, stranger.key)).toMatchObject([{ kind: "person", person: [jid] }]);
  });

  /** Runs exports in a process that loses its job to another one after `pages` pages. Returns whether it did. */
  const runAndDie = async (job: string, pages: number) => {
    let left = pages;
    const dying: ExportDeps["readPerson"] = async (...args) => {
      if (left-- === 0) await api.db.sql`update exports set claimed_by = ${randomUUID()} where id = ${job}`;
      return await readPerson(...args);
    };
    await runExports({ ...deps, readPerson: dying }, 0);
    return left < 0;
  };

  test("continues after its process was killed at any line, without loss or repetition", async () => {
    const { id: job } = await create({ person: jid });
    const stateOf = async () => {
      const [row] = await api.db.sql<{ status: string; cursor: string; tail: string | null; lines: string }[]>`
        select status, cursor, tail, lines from exports where id = ${job}`;
      return row;
    };
    let kept = 0;
    for (let run = 0; (await stateOf())?.status !== "done" && run < 500; run++) {
      // Without time, a process keeps one page, and begins no part.
      await runExports({ ...deps, partMs: 0 }, 0);
      const before = await stateOf();
      if (before?.tail) kept++;
      if (run % 2 === 0 && (await runAndDie(job, run % 3)))
        expect(await stateOf()).toMatchObject({ cursor: before?.cursor, tail: before?.tail, lines: before?.lines });
    }
    expect(kept).toBeGreaterThan(40);
    const done = await read(job);
    expect(done).toMatchObject({ status: "done", progress: { lines: lines.length } });
    expect(await stateOf()).toMatchObject({ cursor: null, tail: null });
    const [, ...rest] = await linesOf(done);
    expect(rest.map((line) => JSON.stringify(line))).toEqual(lines.slice(1).map((line) => JSON.stringify(line)));
  });

  test("has several parts and pages, if it is large", async () => {
    const large = "4915550000888@s.whatsapp.net";
    const largeLid = "77788899900022@lid";
    const text = "x".repeat(100_000);
    await api.db.sql`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, type, proto_type, body, status, sent_at)
      select gen_random_uuid(), ${id}, 'L' || n, ${large}, false, ${large}, 'text', 'conversation', n || ' ' || ${text}::text,
        'received', now() + n * interval '1 second' from generate_series(1, 70) n`;
    await api.db.sql`
      insert into reactions (instance_id, chat_id, wa_id, sender_id, emoji, reacted_at)
      select ${id}, ${large}, 'L' || n, ${large}, '👍', now() from generate_series(1, 1200) n`;
    // Only the newest of many messages shows the LID.
    await api.db.sql`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, sender_lid, type, proto_type, body, status, sent_at)
      select gen_random_uuid(), ${id}, 'M' || n, ${group}, false, ${large}, case when n = 2000 then ${largeLid}::text end, 'text',
        'conversation', 'short', 'received', now() + n * interval '1 minute' from generate_series(1, 2000) n`;
    const { id: job } = await create({ person: large });
    await runExports(deps, 0);
    const [row] = await api.db.sql`select jsonb_array_length(parts) as parts, status from exports where id = ${job}`;
    expect(row).toEqual({ parts: 1, status: "running" });
    await runExports(deps, 60_000);
    const found = await linesOf(await read(job));
    expect(found[0]?.person).toEqual([large, largeLid]);
    const bodies = of(found, "messages").map(({ data }) => String(data.body));
    expect(bodies.filter((body) => body === "short")).toHaveLength(2000);
    const numbers = bodies.filter((body) => body !== "short").map((body) => Number(body.split(" ")[0]));
    expect(numbers).toEqual(Array.from({ length: 70 }, (_, n) => n + 1));
    const reactions = of(found, "reactions").map(({ data }) => data.waId);
    expect([reactions.length, new Set(reactions).size]).toEqual([1200, 1200]);
    await api.db.sql`delete from messages where sender_id = ${large}`;
    await api.db.sql`delete from reactions where chat_id = ${large}`;
  });
});

describe("a job that exports a person", () => {
  test("is listed, and is invisible to others and under an instance", async () => {
    const job = await create({ person: jid, mediaLinks: false });
    expect(job).toMatchObject({
      status: "queued",
      person: [jid, lid],
      mediaLinks: false,
      progress: { lines: 0, bytes: 0 },
    });
    const { body } = await api.request("GET", `${path}?limit=1`, { key });
    expect(body).toMatchObject({ data: [{ id: job.id }], pagination: { limit: 1, hasMore: true } });
    const stranger = await api.user();
    const asks: [string, string][] = [
      [`${path}/${job.id}`, stranger.key],
      [`${path}/${randomUUID()}`, key],
      [`/api/message/exports/${id}/${job.id}`, key],
    ];
    for (const [place, by] of asks)
      for (const method of ["GET", "DELETE"])
        expect(await api.request(method, place, { key: by })).toMatchObject({
          status: 404,
          body: { code: "export_not_found" },
        });
    expect((await api.request("GET", path, { key: stranger.key })).body.data).toEqual([]);
    await runExports(deps, 60_000);
    expect(JSON.stringify(await linesOf(await read(job.id)))).not.toContain("https://x/file");
  });

  test("needs the permission, the scopes and all instances", async () => {
    const { id: job } = await create({ person: jid });
    const refused = async (
      limits: object,
      permissions: ("read" | "write" | "account")[] = ["read", "write", "account"],
    ) => {
      const { key: limited } = await createApiKey(api.deps, { userId, name: "limited", permissions, ...limits });
      const create = await api.request("POST", path, { key: limited, body: { person: jid } });
      const read = await api.request("GET", `${path}/${job}`, { key: limited });
      return [create.status, read.status];
    };
    expect(await refused({}, ["read", "write"])).toEqual([403, 403]);
    expect(await refused({ instances: [id] })).toEqual([403, 403]);
    expect(await refused({ scopes: ["account:read", "account:write"] })).toEqual([403, 403]);
    expect(await refused({ scopes: ["messages:read"] })).toEqual([403, 403]);
    expect(await refused({ scopes: ["account:read", "account:write", "messages:read"] })).toEqual([201, 200]);
    await runExports(deps, 60_000);
  });

  test("is claimed by one process at a time", async () => {
    const [one, two] = [await create({ person: jid }), await create({ person: lid })];
    const second = { ...deps, claims: new Claims({ db: api.deps.db, log: api.deps.log }) };
    await Promise.all([runExports(deps, 60_000), runExports(second, 60_000)]);
    const [first, other] = [await linesOf(await read(one.id)), await linesOf(await read(two.id))];
    expect(first.length).toBe(other.length);
  });

  test("has its turn while an older export of another user is not done", async () => {
    const older = await create({ person: jid });
    const { key: otherKey } = await api.user();
    await api.instance(otherKey);
    const newer = await create({ person: jid }, otherKey);
    const begun = async () => (await read(newer.id, otherKey)).progress.lines > 0;
    // Each run reads one page, and the older export has more pages than this.
    for (let run = 0; run < 50 && !(await begun()); run++) await runExports({ ...deps, partMs: 0 }, 0);
    expect(await begun()).toBe(true);
    expect((await read(older.id)).status).not.toBe("done");
    await api.request("DELETE", `${path}/${newer.id}`, { key: otherKey });
    await api.request("DELETE", `${path}/${older.id}`, { key });
  });

  test("can be canceled, and is removed by an erasure of any person", async () => {
    const canceled = await create({ person: jid });
    await runExports({ ...deps, partMs: 0 }, 0);
    const answer = await api.request("DELETE", `${path}/${canceled.id}`, { key });
    expect(answer).toMatchObject({ status: 200, body: { data: { status: "canceled" } } });
    const done = await create({ person: jid });
    await runExports(deps, 60_000);
    expect(await read(done.id)).toMatchObject({ status: "done" });
    await api.request("POST", "/api/privacy/erasures", { key, body: { person: "+4915551111111" } });
    expect(await read(done.id)).toMatchObject({ status: "expired", person: null, url: null });
    // One that begins while the erasure runs is removed at the end of its pass.
    const late = await create({ person: jid });
    await runExports({ ...deps, partMs: 0 }, 0);
    await runErasures({ ...deps, storage: api.deps.storage, pauseMs: 0 }, 60_000);
    expect(await read(late.id)).toMatchObject({ status: "canceled", person: null });
    const rows = await api.db.sql`
      select from exports
      where user_id = ${userId} and (cursor is not null or tail is not null or request ? 'person')`;
    expect(rows).toHaveLength(0);
    await removeFiles(deps);
    expect(await deps.storage.head(exportKey(userId, done.id))).toBeUndefined();
  });

  test("expires, and its file is removed", async () => {
    const { id: job } = await create({ person: jid });
    await runExports(deps, 60_000);
    expect(await deps.storage.head(exportKey(userId, job))).toBeDefined();
    api.deps.clock.advance(exportKeptMs + 1_000);
    await removeFiles(deps);
    expect(await read(job)).toMatchObject({ status: "expired", url: null });
    expect(await deps.storage.head(exportKey(userId, job))).toBeUndefined();
  });
});

test("the part of JSON about a person leaves out lists and settings of others, and keeps what is the person's", () => {
  const person = personOf(["12345@lid"]);
  const message = { from: "12345@lid", options: ["a", "b"] };
  expect(partAbout({ data: message, others: ["x"], n: 1 }, person)).toEqual({ data: message, n: 1 });
  expect(partAbout({ list: [{ id: "12345:2@lid", at: 1 }, { id: "x" }] }, person)).toEqual({
    list: [{ id: "12345:2@lid", at: 1 }],
  });
  expect(partAbout({ quotedSender: "12345@lid", mentions: ["12345@lid", "x"] }, person)).toEqual({
    quotedSender: "12345@lid",
    mentions: ["12345@lid"],
  });
  expect(entriesAbout({ a: "12345", b: "112345", c: { d: ["12345@lid", "e"] } }, person)).toEqual({
    a: "12345",
    c: { d: ["12345@lid"] },
  });
});
