import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { setNewChatCap, setTimeLock } from "../../../simulator/stanza/account/restriction.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let alice: Phone;
let instance: string;
const peers: Phone[] = [];
/** The time at which each text first arrived at a phone, and how many copies arrived. */
const arrived = new Map<string, { at: number; copies: number }>();

beforeAll(async () => {
  gate = await startTestGateway();
  alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  for (let index = 0; index < 12; index++) {
    const peer = await gate.wa.addPhone({ number: `49155510000${index + 10}`, pushName: `Peer ${index}` });
    peer.onMessage(({ text }) => {
      const known = arrived.get(text ?? "");
      arrived.set(text ?? "", { at: known?.at ?? Date.now(), copies: (known?.copies ?? 0) + 1 });
    });
    peers.push(peer);
  }
  instance = await gate.linked(alice);
});
afterAll(async () => {
  await gate?.stop();
});

const call = (method: string, path: string, body?: unknown) =>
  gate.api(method, `/api/whatsapp/${instance}/${path}`, body === undefined ? {} : { body });
const number = (index: number) => peers[index % peers.length]?.number ?? "";
const sendLater = async (index: number, message: string, ms: number) => {
  const at = Date.now() + ms;
  const { status, body } = await call("POST", "send", {
    phone: number(index),
    message,
    sendAt: new Date(at).toISOString(),
  });
  expect(status, JSON.stringify(body)).toBe(200);
  return { id: body.id as string, at, message };
};
const arrival = (text: string) => until(async () => arrived.get(text), 20_000);

/** Starts a bulk with one text for each phone, and returns its id. */
const startBulk = async (name: string, perMinute: number, more: object[] = []): Promise<string> => {
  const recipients = [
    ...peers.map((peer, index) => ({ phone: peer.number, variables: { text: `${name} ${index}` } })),
    ...more,
  ];
  const { status, body } = await call("POST", "bulk", { recipients, message: "{{text}}", perMinute });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.bulkId;
};
const report = async (id: string) => (await call("GET", `bulk/${id}`)).body;
const done = (id: string) =>
  until(async () => {
    const now = await report(id);
    return now.status === "done" && now.progress.sent + now.progress.sending === 0 ? now : undefined;
  }, 40_000);
const textsOf = (name: string) => peers.map((_peer, index) => `${name} ${index}`);
const copiesOf = (name: string) => textsOf(name).map((text) => arrived.get(text)?.copies ?? 0);

/** The messages of a bulk in the order in which the host released them, with the time of release. */
const releases = (id: string) =>
  gate.db.sql<{ index: number; position: number; at: Date }[]>`
    select bulk_index as index, position::float8 as position, deadline - interval '24 hours' as at
    from commands where bulk_id = ${id} and position is not null order by position`;

/** Fails if any period has more releases than the pace allows plus a burst of two seconds. */
function expectPace(rows: readonly { at: Date }[], perMinute: number): void {
  const burst = Math.max(1, Math.floor((2 * perMinute) / 60));
  for (const [from, first] of rows.entries()) {
    for (let to = from; to < rows.length; to++) {
      const seconds = ((rows[to]?.at.getTime() ?? 0) - first.at.getTime() + 1) / 1000;
      expect(to - from + 1).toBeLessThanOrEqual(Math.floor((seconds * perMinute) / 60) + burst);
    }
  }
}

test("a scheduled text arrives at its time and not before, also after a restart", async () => {
  const soon = await sendLater(0, "scheduled soon", 500);
  const later = await sendLater(1, "scheduled for after the restart", 3_000);
  const lost = await sendLater(2, "scheduled and canceled", 3_000);
  expect((await call("DELETE", `scheduled/${lost.id}`)).status).toBe(200);
  expect((await arrival(soon.message)).at).toBeGreaterThanOrEqual(soon.at);
  await gate.restart();
  expect((await arrival(later.message)).at).toBeGreaterThanOrEqual(later.at);
  for (const { message } of [soon, later]) expect(arrived.get(message)?.copies).toBe(1);
  expect(arrived.has(lost.message)).toBe(false);
  expect((await call("GET", "scheduled")).body.pagination.total).toBe(0);
});

test("a scheduled text is either sent or canceled, never both", async () => {
  const sent = [];
  for (let index = 0; index < 16; index++) sent.push(await sendLater(index, `contested ${index}`, 1_500));
  const moment = Math.max(...sent.map(({ at }) => at));
  // Spread over the time in which the host claims them.
  const answers = await Promise.all(
    sent.map(async ({ id }, index) => {
      await until(async () => Date.now() > moment - 200 + index * 150 || undefined);
      return (await call("DELETE", `scheduled/${id}`)).status;
    }),
  );
  expect(answers.every((status) => status === 200 || status === 409)).toBe(true);
  for (const [index, status] of answers.entries()) if (status === 409) await arrival(`contested ${index}`);
  const rows = await gate.db.sql`
    select status from messages where instance_id = ${instance} and body like 'contested %' order by split_part(body, ' ', 2)::int`;
  expect(rows.map((row) => row.status === "canceled")).toEqual(answers.map((status) => status === 200));
  expect(sent.map(({ message }) => arrived.has(message))).toEqual(answers.map((status) => status === 409));
});

test("a bulk reaches each recipient once, in order and within its pace, and a single text overtakes the bulk", async () => {
  const id = await startBulk("fast", 240, [{ phone: "4915559999999", message: "nobody" }, { phone: "none" }]);
  await arrival("fast 0");
  const single = await call("POST", "send", { phone: number(3), message: "past the bulk" });
  await arrival("past the bulk");
  expect((await report(id)).status).toBe("running");
  const next = await startBulk("next", 6_000);
  const end = await done(id);
  expect(copiesOf("fast")).toEqual(peers.map(() => 1));
  expect(end).toMatchObject({ total: 14, rejected: 1, estimatedEnd: null, finishedAt: expect.any(String) });
  expect(end.progress).toMatchObject({ scheduled: 0, delivered: 12, failed: 1, rejected: 1 });
  const { recipients } = (await call("GET", `bulk/${id}/recipients?skip=11`)).body;
  expect(recipients).toMatchObject([
    { index: 11, phone: number(11), status: "delivered", error: null },
    { index: 12, status: "failed", error: { code: "recipient_not_on_whatsapp" } },
    { index: 13, phone: "none", status: "rejected", messageId: null },
  ]);
  const released = await releases(id);
  expect(released.map((row) => row.index)).toEqual(released.map((_row, index) => index));
  expectPace(released, 240);
  // One bulk at a time: the next one starts when all messages of this one are released.
  await done(next);
  const [first] = await releases(next);
  expect(first?.at.getTime()).toBeGreaterThanOrEqual(released.at(-1)?.at.getTime() ?? Number.NaN);
  expect(copiesOf("next")).toEqual(peers.map(() => 1));
  expect(single.status).toBe(200);
});

test("a canceled bulk sends nothing more and reports what was sent", async () => {
  const id = await startBulk("half", 120);
  await arrival("half 2");
  const { canceled } = (await call("DELETE", `bulk/${id}`)).body;
  expect(canceled).toBeGreaterThan(0);
  const end = await until(async () => {
    const now = await report(id);
    return now.progress.sending + now.progress.sent === 0 ? now : undefined;
  });
  expect(end).toMatchObject({ status: "canceled", progress: { scheduled: 0, canceled, delivered: 12 - canceled } });
  // A text that is requested now would arrive after any remaining message of the bulk.
  await call("POST", "send", { phone: number(0), message: "after half" });
  await arrival("after half");
  expect(copiesOf("half").filter((copies) => copies === 1)).toHaveLength(12 - canceled);
});

describe("while WhatsApp restricts the account", () => {
  let owner: Phone;
  let id: string;
  const world = () => gate.wa.world;
  const lock = (seconds: number, silently = false) =>
    setTimeLock(world(), owner.account, { type: "BIZ_QUALITY", until: Date.now() + seconds * 1000 }, silently);
  const ask = (method: string, path: string, body?: unknown) =>
    gate.api(method, `/api/whatsapp/${id}/${path}`, body === undefined ? {} : { body });
  const send = async (phone: string, message: string, more = {}) => {
    const { status, body } = await ask("POST", "send", { phone, message, ...more });
    expect(status, JSON.stringify(body)).toBe(200);
    return body.id as string;
  };
  const shown = async () => (await gate.api("GET", `/api/instances/${id}`)).body.restrictions;
  const waitsFor = (chat: string, messageId: string, reason: string) =>
    until(async () => {
      const { body } = await gate.api("GET", `/api/instances/${id}/chats/${chat}/messages`);
      const message = body.messages.find((one: { messageId: string }) => one.messageId === messageId);
      return message?.waitingFor?.reason === reason ? message : undefined;
    });
  const told = (event: string, restriction: string) =>
    gate.receiver.waitFor(({ body }) => body.event === event && body.data.restriction === restriction);
  const newPeer = (index: number) =>
    gate.wa.addPhone({ number: `49155520000${index}`, pushName: `New ${index}` }).then((peer) => {
      peer.onMessage(({ text }) => {
        const known = arrived.get(text ?? "");
        arrived.set(text ?? "", { at: known?.at ?? Date.now(), copies: (known?.copies ?? 0) + 1 });
      });
      return peer;
    });

  beforeAll(async () => {
    owner = await gate.wa.addPhone({ number: "4915550000009", pushName: "Owner" });
    id = await gate.linked(owner);
  });

  test("sends to new chats wait with the reason, replies go on, and all go out in order when WhatsApp ends it", async () => {
    const [writer, stranger, silent] = [await newPeer(10), await newPeer(11), await newPeer(12)];
    await writer.sendText(owner.number, "hello owner");
    await until(async () => (await gate.db.sql`select 1 from messages where body = 'hello owner'`)[0]);
    lock(3600, true);
    const first = await send(stranger.number, "first to a stranger");
    const message = await waitsFor(stranger.number, first, "time_lock");
    expect(message.status).toBe("pending");
    const { timeLock } = await shown();
    expect(timeLock).toMatchObject({ type: "BIZ_QUALITY", until: expect.any(String) });
    expect((await told("instance_restricted", "time_lock")).body.data).toMatchObject({ until: timeLock.until });
    const second = await send(stranger.number, "second to a stranger");
    await send(writer.number, "a reply");
    await arrival("a reply");
    await waitsFor(stranger.number, second, "time_lock");
    const refused = await ask("POST", "send", { phone: stranger.number, message: "now", onRestriction: "fail" });
    expect(refused).toMatchObject({ status: 409, body: { code: "account_restricted", restriction: "time_lock" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3000);
    const recipients = [{ phone: writer.number }, { phone: silent.number }];
    const { body: bulk } = await ask("POST", "bulk", { recipients, message: "bulk under lock", perMinute: 6000 });
    await until(async () => {
      const { body } = await ask("GET", `bulk/${bulk.bulkId}`);
      return body.waitingFor?.reason === "time_lock" && body.progress.delivered === 1 ? body : undefined;
    });
    await gate.restart();
    expect((await shown()).timeLock).toEqual(timeLock);
    const { body: list } = await ask("GET", "scheduled");
    expect(list.scheduled.map((one: { id: string }) => one.id)).toEqual([first, second]);
    expect(list.scheduled[0].waitingFor).toMatchObject({ reason: "time_lock" });
    // Whoever writes gets what waits for them, although the time-lock stands.
    arrived.delete("bulk under lock");
    await silent.sendText(owner.number, "hello from the silent one");
    await arrival("bulk under lock");
    expect(arrived.has("first to a stranger")).toBe(false);
    setTimeLock(world(), owner.account, undefined);
    await arrival("second to a stranger");
    expect(arrived.get("first to a stranger")?.at).toBeLessThan(arrived.get("second to a stranger")?.at ?? 0);
    expect((await told("instance_unrestricted", "time_lock")).body.data).toMatchObject({ endedBy: "whatsapp" });
    expect(await shown()).toEqual({ timeLock: null, newChatCap: null, rateLimit: null });
  });

  test("a time-lock that WhatsApp announces ends by itself at its time", async () => {
    const stranger = await newPeer(13);
    lock(5);
    await until(async () => (await shown()).timeLock ?? undefined);
    const waiting = await send(stranger.number, "after the time-lock");
    await waitsFor(stranger.number, waiting, "time_lock");
    await arrival("after the time-lock");
    await gate.receiver.waitFor(({ body }) => body.event === "instance_unrestricted" && body.data.endedBy === "time");
  });

  test("when the messages to new chats are used up, further ones wait until WhatsApp allows more", async () => {
    const [one, two] = [await newPeer(14), await newPeer(15)];
    const until1h = Date.now() + 3_600_000;
    setNewChatCap(world(), owner.account, { quota: 1, used: 0, until: until1h });
    await send(one.number, "within the cap");
    await arrival("within the cap");
    const { newChatCap } = await until(async () => {
      const now = await shown();
      return now.newChatCap?.reached ? now : undefined;
    });
    expect(newChatCap).toMatchObject({ used: 1, quota: 1 });
    await waitsFor(two.number, await send(two.number, "above the cap"), "new_chat_cap");
    setNewChatCap(world(), owner.account, { quota: 5, used: 1, until: until1h });
    await arrival("above the cap");
  });

  test("after a 429, all sends wait, a caller can ask to fail instead, and a waiting send can be canceled", async () => {
    const stranger = await newPeer(16);
    owner.account.restrictions.rate = { messages: 1, ms: 3_600_000 };
    await send(stranger.number, "within the rate");
    await arrival("within the rate");
    const waiting = await send(stranger.number, "above the rate");
    await waitsFor(stranger.number, waiting, "rate_limit");
    const refused = await ask("POST", "send", { phone: stranger.number, message: "now", onRestriction: "fail" });
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited", restriction: "rate_limit" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await ask("DELETE", `scheduled/${waiting}`)).status).toBe(200);
    owner.account.restrictions.rate = undefined;
  });
});

test("a logout fails the scheduled messages at once, with the reason", async () => {
  const later = await sendLater(0, "never", 3_600_000);
  const id = await startBulk("logged out", 60);
  await arrival("logged out 0");
  await call("POST", "logout");
  const end = await done(id);
  expect(end.progress).toMatchObject({ scheduled: 0 });
  expect(end.progress.failed).toBe(12 - copiesOf("logged out").filter((copies) => copies === 1).length);
  const [row] = await until(async () => {
    const rows = await gate.db
      .sql`select status, error from messages where wa_id = ${later.id} and status <> 'pending'`;
    return rows.length > 0 ? rows : undefined;
  });
  expect(row).toEqual({ status: "failed", error: "instance_not_connected" });
  const told = await gate.receiver.waitFor(({ body }) => body.data.messageId === later.id);
  expect(told.body.data).toMatchObject({ status: "failed" });
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
