import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
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
