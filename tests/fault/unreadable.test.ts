import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../simulator/index.ts";
import { type LinkedGateway, startLinkedGateway } from "../support/gateway/linked-gateway.ts";
import { until } from "../support/until.ts";

let linked: LinkedGateway;
let gate: LinkedGateway["gate"];
let owner: Phone;
let bob: Phone;

beforeAll(async () => {
  linked = await startLinkedGateway("gateway");
  ({ gate, owner, bob } = linked);
});
afterAll(() => linked?.stop());

/** The types of the events about a message, oldest first. */
async function eventsOf(id: string): Promise<string[]> {
  const rows = await gate.db.sql<{ type: string }[]>`
    select type from events where data->>'messageId' = ${id} order by seq`;
  return rows.map(({ type }) => type);
}
const told = (type: string, id: string) => until(async () => (await eventsOf(id)).includes(type) || undefined, 40_000);
const bodyOf = async (id: string) =>
  [...(await gate.db.sql<{ body: string }[]>`select body from messages where wa_id = ${id}`)].map(({ body }) => body);
const requestsFor = (id: string): number =>
  owner.placeholders.requests.filter(({ messages }) => messages.includes(id)).length;
const isAcknowledged = () => owner.devices[0]?.kept.size === 0;
const open = () => gate.status(linked.instance, "connected");

/** Makes every write to a table fail with an error that is neither temporary nor caused by the content. */
async function breakTable(table: string): Promise<() => Promise<void>> {
  const { sql } = gate.db;
  await sql.unsafe(`
    create function break_${table}() returns trigger language plpgsql as $$
      begin raise exception 'broken for the test' using errcode = '0A000'; end $$;
    create trigger broken before insert on ${table} for each row execute function break_${table}()`);
  return async () => {
    await sql.unsafe(`drop trigger broken on ${table}; drop function break_${table}`);
  };
}

test("a message without content is acknowledged only after it is stored, and told once when WhatsApp delivers it again", async () => {
  const repair = await breakTable("unreadable_messages");
  const { logins } = gate.wa.device(owner.number).sockets;
  const { id } = await bob.sendText(owner.number, "held back", { withheld: "view_once" });
  await until(async () => gate.wa.device(owner.number).sockets.logins > logins || undefined, 40_000);
  expect(isAcknowledged()).toBe(false);
  expect(await eventsOf(id)).toEqual([]);
  await repair();
  await told("message.unreadable", id);
  await until(async () => isAcknowledged() || undefined, 40_000);
  expect(await eventsOf(id)).toEqual(["message.unreadable"]);
});

test("what the phone supplies is acknowledged only after it is stored, and told once when WhatsApp delivers it again", async () => {
  await open();
  owner.placeholders.mode = "hold";
  const { id } = await bob.sendText(owner.number, "supplied", { withheld: "no_content" });
  await until(async () => requestsFor(id) === 1 || undefined, 40_000);
  const repair = await breakTable("messages");
  const { logins } = gate.wa.device(owner.number).sockets;
  await owner.placeholders.release();
  await until(async () => gate.wa.device(owner.number).sockets.logins > logins || undefined, 40_000);
  expect(isAcknowledged()).toBe(false);
  await repair();
  await told("message.received", id);
  await until(async () => isAcknowledged() || undefined, 40_000);
  expect(await eventsOf(id)).toEqual(["message.unreadable", "message.received"]);
  expect(await bodyOf(id)).toEqual(["supplied"]);
});

test("a phone that is offline answers when it is online again, and one that refuses costs nobody anything", async () => {
  await open();
  owner.goOffline();
  const late = await bob.sendText(owner.number, "late", { withheld: "no_content" });
  await told("message.unreadable", late.id);
  const other = await bob.sendText(owner.number, "readable");
  await told("message.received", other.id);
  expect(await eventsOf(late.id)).toEqual(["message.unreadable"]);
  owner.goOnline();
  await told("message.received", late.id);

  owner.placeholders.mode = "refuse";
  const lost = await bob.sendText(owner.number, "lost", { withheld: "no_content" });
  await until(async () => requestsFor(lost.id) === 1 || undefined, 40_000);
  const after = await bob.sendText(owner.number, "after");
  await told("message.received", after.id);
  expect(await eventsOf(lost.id)).toEqual(["message.unreadable"]);
  owner.placeholders.mode = "answer";
});

test("a deleted message stays deleted when the phone supplies it", async () => {
  await open();
  owner.placeholders.mode = "hold";
  const sent = await bob.sendText(owner.number, "regretted", { withheld: "no_content" });
  await until(async () => requestsFor(sent.id) === 1 || undefined, 40_000);
  await bob.revoke(sent);
  await told("message.deleted", sent.id);
  await owner.placeholders.release();
  const after = await bob.sendText(owner.number, "after the deletion");
  await told("message.received", after.id);
  await until(async () => isAcknowledged() || undefined, 40_000);
  expect(await eventsOf(sent.id)).toEqual(["message.unreadable", "message.deleted"]);
  expect(await bodyOf(sent.id)).toEqual([""]);
});

test("many unreadable messages are announced at once, and the phone is asked for them slowly", async () => {
  await open();
  owner.placeholders.mode = "hold";
  const sent = await Promise.all(
    Array.from({ length: 60 }, (_, index) => bob.sendText(owner.number, `ad ${index}`, { withheld: "no_content" })),
  );
  for (const { id } of sent) await told("message.unreadable", id);
  // The first ten requests are sent within two seconds, and the others need 100 more.
  expect(sent.filter(({ id }) => requestsFor(id) > 0).length).toBeLessThan(60);
  await owner.placeholders.release();
  await told("message.received", sent[0]?.id ?? "");
  await gate.db.sql`delete from unreadable_messages where wa_id = any(${sent.map(({ id }) => id)}::text[])`;
});

test("fifty unreadable messages of a group don't hold back the next message", async () => {
  await open();
  owner.placeholders.mode = "hold";
  // The sender's phone is offline, so it sends no other copies.
  bob.goOffline();
  gate.wa.device(owner.number).faults.corruptIn.add(true, 50);
  const damaged = [];
  for (let index = 0; index < 50; index++) damaged.push(await bob.sendText(linked.group.jid, `damaged ${index}`));
  const next = await linked.carol.sendText(linked.group.jid, "next");
  await told("message.received", next.id);
  // Baileys would wait for two seconds for each of them. They are announced after ten seconds.
  const ids = damaged.map(({ id }) => id);
  for (const { id } of damaged) await told("message.unreadable", id);
  const events = await gate.db.sql<{ id: string }[]>`
    select data->>'messageId' as id from events
    where type in ('message.received', 'message.unreadable') and data->>'messageId' = any(${[next.id, ...ids]}) order by seq`;
  expect(events[0]?.id).toBe(next.id);
  await until(async () => isAcknowledged() || undefined, 40_000);
  expect(gate.wa.device(owner.number).counts.nacked).toBe(0);
  await gate.db.sql`delete from unreadable_messages where wa_id = any(${ids})`;
  bob.goOnline();
});

test("after a restart, the phone is asked again for what it has not supplied, and what waited for a copy is told, unless apps hide it", async () => {
  await open();
  const greeting = await bob.sendText(owner.number, "hello");
  await told("message.received", greeting.id);
  owner.placeholders.mode = "hold";
  const asked = await bob.sendText(owner.number, "asked before", { withheld: "no_content" });
  await until(async () => requestsFor(asked.id) === 1 || undefined, 40_000);
  // The sender's phone is offline, so it sends no other copy.
  bob.goOffline();
  gate.wa.device(owner.number).faults.corruptIn.add(true, 1);
  const damaged = await bob.sendText(owner.number, "waits for a copy");
  const key = { remoteJid: bob.jid, fromMe: true, id: greeting.id };
  const reactionMessage = { key, text: "👍", senderTimestampMs: Date.now() };
  const hidden = await bob.sendMessage(owner.number, { reactionMessage }, { type: "reaction", withheld: "hidden" });
  await until(async () => {
    const rows = await gate.db.sql`
      select 1 from unreadable_messages where wa_id in (${damaged.id}, ${hidden.id}) and requests = 0`;
    return rows.length === 2 || undefined;
  }, 40_000);
  await gate.restart();
  expect(await eventsOf(damaged.id)).toEqual([]);
  await open();
  await told("message.unreadable", damaged.id);
  await until(async () => (requestsFor(asked.id) === 2 && requestsFor(damaged.id) === 1) || undefined, 40_000);
  await until(async () => requestsFor(hidden.id) === 1 || undefined, 40_000);
  await owner.placeholders.release();
  await told("message.received", asked.id);
  await told("message.received", damaged.id);
  await told("message.reaction", greeting.id);
  bob.goOnline();
  const after = await bob.sendText(owner.number, "after the restart");
  await told("message.received", after.id);
  await until(async () => isAcknowledged() || undefined, 40_000);
  for (const { id } of [asked, damaged]) expect(await eventsOf(id)).toEqual(["message.unreadable", "message.received"]);
  expect(await eventsOf(hidden.id)).toEqual([]);
});
