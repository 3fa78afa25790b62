import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { exchange } from "../../support/gateway/instance-state.ts";
import { phoneSeries } from "../../support/gateway/linked-gateway.ts";
import { dialects, restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let bob: Phone;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550200002", pushName: "Bob" });
});
afterAll(() => gate?.stop());

const newPhone = phoneSeries(() => gate.wa, "49155502010");

/**
 * What happens to each table of an instance when another number is linked. A new table needs an entry: `removed`, or why
 * its rows stay.
 */
const fates: Record<string, string> = {
  activities: "the log of the instance, for its user",
  auto_reads: "follow the messages by a foreign key",
  audit_log: "who changed what, without content",
  broadcasts: "removed",
  bulks: "removed if finished; the rest is sent from the new account",
  call_answers: "removed",
  channels: "removed",
  chat_timers: "removed",
  chats: "follow the messages by triggers; the state is removed",
  commands: "removed with finished bulks; others answer repeated requests and are not listed",
  contacts: "removed",
  deliveries: "removed if finished; pending ones are still sent",
  erasures: "jobs of the user; the column is their position",
  event_sinks: "a setting",
  events: "removed if sent; the others are still sent",
  exports: "expired, without the chat; the sweep removes their files",
  history_parts: "removed",
  label_targets: "removed",
  labels: "removed",
  media_sizes: "follows the messages by triggers",
  message_days: "follows the messages by triggers",
  message_marks: "removed",
  message_search: "follows the messages by triggers",
  messages: "removed unless pending",
  reactions: "removed",
  recipient_lists: "removed",
  refused_stanzas: "removed",
  responses: "removed",
  session_imports: "only until the session connects",
  session_inbox: "removed",
  session_keys: "removed",
  unknown_numbers: "removed",
  unreadable_messages: "removed",
  usage: "numbers for the quota of the user",
  waiting_notes: "removed",
  webhooks: "a setting",
};

const isRemoved = (table: string) => fates[table]?.startsWith("removed") && table !== "commands";
const secret = "a secret of the owner";

/** Returns the tables with a column `instance_id`. */
async function tablesOfInstances(): Promise<string[]> {
  const rows = await gate.db.sql<{ name: string }[]>`
    select table_name as name from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_schema = 'public' and table_type = 'BASE TABLE' and column_name = 'instance_id'`;
  return rows.map(({ name }) => name).sort();
}

/** Values for required columns, by type. */
const fillers: Record<string, unknown> = {
  ...{ text: secret, ARRAY: [secret], jsonb: [secret], bytea: secret, integer: 0, bigint: 0, boolean: false },
  ...{ date: "2026-01-01", "timestamp with time zone": "2026-01-01" },
};

/** Adds a row with the secret to a table. */
async function addSecret(instance: string, table: string) {
  const columns = await gate.db.sql<{ name: string; type: string }[]>`
    select column_name as name, data_type as type from information_schema.columns
    where table_schema = 'public' and table_name = ${table} and is_nullable = 'NO' and column_default is null
      and is_identity = 'NO'`;
  const [owner] = await gate.db.sql`select user_id from instances where id = ${instance}`;
  const own: Record<string, unknown> = { instance_id: instance, user_id: owner?.user_id, id: crypto.randomUUID() };
  const row: Record<string, unknown> = {
    ...Object.fromEntries(columns.map(({ name, type }) => [name, own[name] ?? fillers[type]])),
    ...(table === "bulks" && { status: "done", rejected: [secret] }),
    ...(table === "history_parts" && { state: "imported" }),
  };
  const names = gate.db.sql(Object.keys(row));
  await gate.db.sql`
    insert into ${gate.db.sql(table)} (${names})
    select ${names} from jsonb_populate_record(null::${gate.db.sql(table)}, ${JSON.stringify(row)}::text::jsonb)`;
}

/** Returns the tables with a row of the instance that has the secret. */
async function tablesWithSecret(instance: string, tables: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    tables.map(async (table) => {
      const rows = await gate.db.sql`
        select 1 from ${gate.db.sql(table)} t where instance_id = ${instance} and t::text like ${`%${secret}%`} limit 1`;
      return rows.length > 0 ? [table] : [];
    }),
  );
  return found.flat();
}

/** Links a phone to an instance whose last phone was unlinked. */
async function relink(instance: string, former: Phone, next: Phone) {
  former.unlink(gate.wa.device(former.number));
  await gate.status(instance, "logged_out");
  await gate.api("POST", `/api/instances/${instance}/reconnect`);
  await next.scanQr(await gate.qr(instance));
  await gate.status(instance, "connected");
}

describe.each(dialects)("in the %s dialect", (dialect) => {
  /** Everything that the API shows of Bob's secret text and picture, by place. */
  async function shown(instance: string, messageId: string, fileUrl: string) {
    const get = (path: string) => gate.api("GET", path);
    const [messages, gatewayMessages, chats, media, events, gatewayEvents, file] = await Promise.all([
      get(`/api/instances/${instance}/chats/${bob.number}/messages`),
      get(`/api/message/chat/${instance}/${bob.number}`),
      get(`/api/message/chats/${instance}`),
      get(`/api/instances/${instance}/messages/${messageId}/media`),
      get(`/api/instances/${instance}/events?limit=500`),
      get(`/api/events/${instance}?limit=500`),
      fetch(fileUrl),
    ]);
    return {
      messages: messages.body.messages.length,
      gatewayMessages: gatewayMessages.body.data.length,
      chats: chats.body.data.length,
      media: media.status,
      file: file.status,
      inEvents: [events, gatewayEvents].some(({ body }) => JSON.stringify(body).includes("a secret of the owner")),
    };
  }

  async function linkedWithSecret() {
    const owner = await newPhone();
    const client = restClient(gate, dialect, await gate.linked(owner, dialect));
    await bob.sendText(owner.number, "a secret of the owner");
    const { id } = await bob.sendImage(owner.number, png(), { caption: "a secret of the owner" });
    const { media } = (await client.reported("received", id)).body.data;
    await until(async () => (await fetch(media.url)).ok || undefined);
    await until(async () => {
      const { status } = await gate.api("GET", `/api/instances/${client.instance}/messages/${id}/media`);
      return status === 200 || undefined;
    });
    return { owner, client, id, fileUrl: media.url as string };
  }

  const everything = { messages: 2, gatewayMessages: 2, chats: 1, media: 200, file: 200, inEvents: true };

  test("shows nothing of the former account after another number is linked", async () => {
    const { owner, client, id, fileUrl } = await linkedWithSecret();
    expect(await shown(client.instance, id, fileUrl)).toEqual(everything);
    const next = await newPhone();
    await relink(client.instance, owner, next);
    expect(await shown(client.instance, id, fileUrl)).toEqual({
      messages: 0,
      gatewayMessages: 0,
      chats: 0,
      media: 404,
      file: 404,
      inEvents: false,
    });
    const { body } = await gate.api("GET", `/api/instances/${client.instance}/activity?actions=former_account_removed`);
    expect(body.logs).toMatchObject([{ details: { messages: 2 } }]);
    const [usage] = await gate.db.sql`select bytes from media_sizes where instance_id = ${client.instance}`;
    expect(Number(usage?.bytes ?? 0)).toBe(0);
    await exchange(client, { owner: next, peer: bob }, "of the next account");
  });

  test("keeps everything if the same number is linked again", async () => {
    const { owner, client, id, fileUrl } = await linkedWithSecret();
    await relink(client.instance, owner, owner);
    expect(await shown(client.instance, id, fileUrl)).toEqual(everything);
  });
});

test("removes or knowingly keeps the rows of every table of an instance", async () => {
  const tables = await tablesOfInstances();
  expect(tables).toEqual(Object.keys(fates).sort());
  const removed = tables.filter(isRemoved);
  const owner = await newPhone();
  const { instance } = restClient(gate, "gateway", await gate.linked(owner, "gateway"));
  await bob.sendText(owner.number, secret);
  const real = ["messages", "events", "deliveries"];
  await until(async () => (await tablesWithSecret(instance, real)).length === real.length || undefined);
  for (const table of removed) if (!real.includes(table)) await addSecret(instance, table);
  expect(await tablesWithSecret(instance, tables)).toEqual(removed);
  const listed = async () => {
    const [broadcasts, bulks] = await Promise.all([
      gate.api("GET", `/api/broadcasts/${instance}`),
      gate.api("GET", `/api/whatsapp/${instance}/bulk`),
    ]);
    return [broadcasts.body.data.length, bulks.body.bulks.length];
  };
  expect(await listed()).toEqual([1, 1]);
  const personExport = (await gate.api("POST", "/api/privacy/exports", { body: { person: bob.number } })).body.data.id;
  await relink(instance, owner, await newPhone());
  expect(await tablesWithSecret(instance, tables)).toEqual([]);
  expect(await listed()).toEqual([0, 0]);
  const { status } = (await gate.api("GET", `/api/privacy/exports/${personExport}`)).body.data;
  expect(["canceled", "expired"]).toContain(status);
  const [days] = await gate.db
    .sql`select coalesce(sum(messages), 0)::int as n from message_days where instance_id = ${instance}`;
  expect(days?.n).toBe(0);
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
