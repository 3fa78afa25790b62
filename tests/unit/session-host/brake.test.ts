import { Boom } from "@hapi/boom";
import { expect, test } from "vitest";
import { AppError } from "../../../core/error.ts";
import { createLogger } from "../../../core/log.ts";
import { defaultPace, paceOf, type Restrictions, type Wait } from "../../../core/restriction/index.ts";
import type { OrderedCommand } from "../../../session-host/command/claim/claimed-command.ts";
import { Brake, type BrakeDeps } from "../../../session-host/command/limit/brake.ts";
import type { HeldSend, InstancePace } from "../../../session-host/command/limit/held-back.ts";
import type { Change } from "../../../session-host/ledger/change.ts";

const start = Date.parse("2026-11-30T10:00:00Z");
const at = (minutes: number) => new Date(start + minutes * 60_000);

const send = (id: string, chatId: string): OrderedCommand => ({
  id,
  instanceId: "instance",
  userId: "user",
  name: "message.sendText",
  input: { to: chatId, text: id },
  waId: `3EB0${id}`,
  chatId,
  payload: null,
  position: 1,
  attempts: 0,
  deadline: at(10_000),
  acceptedAt: at(0),
  correlationId: "test",
});

const alice = "4915550000001@s.whatsapp.net";
const writer = "4915550000002@s.whatsapp.net";

/** A brake whose database is in memory. `writer` has written to the account, and nobody else. */
function startBrake({
  restrictions = {},
  held = [],
  pace = defaultPace,
  pausedAt = null,
}: {
  restrictions?: Restrictions;
  held?: HeldSend[];
  pace?: InstancePace;
  pausedAt?: Date | null;
} = {}) {
  let minutes = 0;
  const waiting = new Map<string, Wait>(held.map((one) => [one.id, one]));
  const changes: Change[] = [];
  const released: string[] = [];
  const postponed: Wait[] = [];
  const queries = { lock: 0, cap: 0 };
  const settings = { pace };
  const paces: (number | null)[] = [];
  const database = { stored: Promise.resolve() };
  const whatsapp = { lock: { isActive: false } as { isActive: boolean; timeEnforcementEnds?: Date }, cap: {} };
  const heldBack: BrakeDeps["heldBack"] = {
    load: async () => ({ restrictions, held, pace, newContacts: null, pausedAt }),
    pace: async () => settings.pace,
    isKnown: async (jids) => jids.includes(writer),
    stillWaiting: async (ids) => new Set(ids.filter((id) => waiting.has(id))),
    release: async (ids) => void released.push(...ids),
    postpone: async (wait) => void postponed.push(wait),
    hasWritten: async (jids) => jids.includes(writer),
  };
  const brake = new Brake({
    log: createLogger("test", "silent"),
    now: () => at(minutes),
    record: async (change) => void changes.push(change),
    heldBack,
    onPace: () => void paces.push(brake.pace.perMinute),
    holdBack: async (command, wait) => {
      await database.stored;
      waiting.set(command.id, wait);
    },
  });
  const keys = { get: async () => ({}) };
  const context = {
    sock: {
      user: { id: "4915559999999@s.whatsapp.net" },
      authState: { keys },
      fetchAccountReachoutTimelock: async () => {
        queries.lock++;
        return whatsapp.lock;
      },
      fetchNewChatMessageCap: async () => {
        queries.cap++;
        return whatsapp.cap;
      },
    },
  } as unknown as Parameters<Brake["before"]>[1];
  return {
    brake,
    context,
    waiting,
    settings,
    paces,
    database,
    whatsapp,
    queries,
    released,
    postponed,
    changes,
    events: () => changes.flatMap(({ events = [] }) => events),
    to: (minute: number) => {
      minutes = minute;
    },
  };
}

test("a 463 without a known time-lock asks WhatsApp, and the send waits until the end that WhatsApp names", async () => {
  const { brake, context, whatsapp, events, changes } = startBrake();
  whatsapp.lock = { isActive: true, timeEnforcementEnds: at(60) };
  const command = send("A", alice);
  expect(await brake.before(command, context)).toBeUndefined();
  expect(await brake.refused(command, "463", context)).toEqual({ reason: "time_lock", until: at(60) });
  expect(events()).toMatchObject([{ type: "instance.restricted", data: { restriction: "time_lock" } }]);
  expect(changes.find(({ instance }) => instance?.restrictions)?.instance?.restrictions?.timeLock).toMatchObject({
    until: at(60).toISOString(),
  });
  expect(await brake.before(send("B", writer), context)).toBeUndefined();
  expect(await brake.before(send("C", "120363000@g.us"), context)).toBeUndefined();
});

test("a 463 without a time-lock fails the send, and WhatsApp is not asked for each refusal", async () => {
  const { brake, context, queries, events } = startBrake();
  for (const id of ["A", "B", "C"]) {
    const verdict = await brake.refused(send(id, alice), "463", context);
    expect(verdict).toBeInstanceOf(AppError);
    expect(verdict).toMatchObject({ code: "account_restricted" });
  }
  expect(queries).toEqual({ lock: 1, cap: 1 });
  expect(events()).toEqual([]);
});

test("gives no verdict on a 463 when the connection ends while WhatsApp is asked", async () => {
  const { brake, context } = startBrake();
  const closed = new Boom("Connection Closed", { statusCode: 428 });
  context.sock.fetchAccountReachoutTimelock = () => Promise.reject(closed);
  await expect(brake.refused(send("A", alice), "463", context)).rejects.toBe(closed);
});

test("later sends to a chat wait behind the first one that waits, and go on when it was canceled", async () => {
  const { brake, context, waiting } = startBrake();
  brake.note({ timeLock: { isActive: true, until: at(60), type: "BIZ_QUALITY" } });
  await brake.load();
  const first = send("A", alice);
  const wait = await brake.before(first, context);
  expect(wait).toEqual({ reason: "time_lock", until: at(60) });
  if (wait) await brake.hold(first, wait, context);
  brake.note({ timeLock: { isActive: false, until: undefined, type: "DEFAULT" } });
  expect(await brake.before(send("B", alice), context)).toMatchObject({ reason: "time_lock" });
  expect(await brake.before(send("C", "4915550000003@s.whatsapp.net"), context)).toBeUndefined();
  waiting.clear();
  expect(await brake.before(send("D", alice), context)).toBeUndefined();
});

test("the first of several sends to a chat that wait does not wait behind the others", async () => {
  const held: HeldSend[] = ["A", "B"].map((id) => ({
    id,
    chatId: alice,
    inBulk: false,
    reason: "time_lock",
    until: at(0),
  }));
  const { brake, context, waiting } = startBrake({ held });
  expect(await brake.before(send("B", alice), context)).toMatchObject({ reason: "time_lock" });
  waiting.delete("A");
  expect(await brake.before(send("A", alice), context)).toBeUndefined();
  expect(await brake.before(send("B", alice), context)).toBeUndefined();
});

test("a stored time-lock holds after a restart, and a person who writes gets the waiting messages at once", async () => {
  const restrictions = {
    timeLock: { type: "BIZ_QUALITY", since: at(-60).toISOString(), until: at(60).toISOString() },
  };
  const held: HeldSend[] = [{ id: "OLD", chatId: alice, inBulk: false, reason: "time_lock", until: at(60) }];
  const { brake, context, released, queries } = startBrake({ restrictions, held });
  brake.personWrote([alice]);
  await brake.load();
  await new Promise(setImmediate);
  expect(released).toEqual(["OLD"]);
  expect(await brake.before(send("OTHER", "4915550000003@s.whatsapp.net"), context)).toMatchObject({
    reason: "time_lock",
  });
  expect(queries.lock).toBe(0);
});

test("a time-lock ends by itself at its time, and an extension moves the waiting sends", async () => {
  const { brake, context, events, changes, postponed, to } = startBrake();
  brake.note({ timeLock: { isActive: true, until: at(60), type: "BIZ_QUALITY" } });
  await brake.load();
  brake.note({ timeLock: { isActive: true, until: at(90), type: "BIZ_QUALITY" } });
  expect(postponed).toEqual([
    { reason: "time_lock", until: at(60) },
    { reason: "time_lock", until: at(90) },
  ]);
  to(89);
  brake.tick();
  expect(events().at(-1)).toMatchObject({ type: "instance.restricted" });
  to(91);
  brake.tick();
  expect(events().at(-1)).toEqual({
    type: "instance.unrestricted",
    data: { restriction: "time_lock", endedBy: "time" },
  });
  expect(changes.at(-1)?.instance?.restrictions).toBeNull();
  expect(await brake.before(send("A", alice), context)).toBeUndefined();
});

test("pauses after a 429 double with each refusal in a row, up to an hour, and start again after a success", async () => {
  const { brake, context, to } = startBrake();
  const pauses: number[] = [];
  let now = 0;
  for (let refusal = 0; refusal < 8; refusal++) {
    to(now);
    brake.tick();
    const verdict = await brake.refused(send("A", alice), "429", context);
    expect(await brake.refused(send("B", writer), "429", context)).toEqual(verdict);
    expect(await brake.before(send("C", writer), context)).toEqual(verdict);
    const until = (verdict as Wait).until.getTime();
    pauses.push((until - at(now).getTime()) / 60_000);
    now = (until - start) / 60_000 + 0.1;
  }
  expect(pauses.map(Math.round)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  to(now);
  brake.tick();
  brake.acknowledged();
  expect(await brake.refused(send("A", alice), "429", context)).toEqual({ reason: "rate_limit", until: at(now + 1) });
});

test("a cap that is not reached is stored and stops nothing, and a reached one stops new chats until the cycle ends", async () => {
  const { brake, context, events, changes } = startBrake();
  await brake.load();
  brake.note({ newChatCap: { used: 99, quota: 100, reached: false, until: at(600) } });
  expect(events()).toEqual([]);
  expect(changes[0]?.instance?.restrictions?.newChatCap).toMatchObject({ used: 99, quota: 100 });
  expect(await brake.before(send("A", alice), context)).toBeUndefined();
  brake.note({ newChatCap: { used: 100, quota: 100, reached: true, until: at(600) } });
  expect(await brake.before(send("B", alice), context)).toEqual({ reason: "new_chat_cap", until: at(600) });
  expect(await brake.before(send("C", writer), context)).toBeUndefined();
  expect(events()).toMatchObject([{ type: "instance.restricted", data: { restriction: "new_chat_cap" } }]);
});

test("the first message to a new contact waits until the next day when the limit of the day is reached", async () => {
  const { brake, context, changes, to } = startBrake({ pace: { ...defaultPace, newContactsPerDay: 2 } });
  const person = (index: number) => `49155500001${index}@s.whatsapp.net`;
  for (const index of [0, 1]) expect(await brake.before(send(`A${index}`, person(index)), context)).toBeUndefined();
  const midnight = new Date("2026-12-01T00:00:00Z");
  expect(await brake.before(send("B", person(2)), context)).toEqual({ reason: "pace", until: midnight });
  for (const chat of [person(0), writer, "120363000@g.us"])
    expect(await brake.before(send("C", chat), context)).toBeUndefined();
  expect(changes.map(({ instance }) => instance?.new_contacts)).toEqual([
    { day: "2026-11-30", count: 1 },
    { day: "2026-11-30", count: 2 },
  ]);
  to(14 * 60);
  expect(await brake.before(send("B", person(2)), context)).toBeUndefined();
  expect(changes.at(-1)?.instance?.new_contacts).toEqual({ day: "2026-12-01", count: 1 });
});

test("a change of the pace or its time zone makes the sends due that waited for it, and no others", async () => {
  const waits = { inBulk: false, until: at(600) };
  const held = ["A", "B"].map((id) => ({ ...waits, id, chatId: alice, reason: "pace" as const }));
  const other = { ...waits, id: "C", chatId: writer, reason: "rate_limit" as const };
  const { brake, context, released, settings, paces } = startBrake({ held: [...held, other] });
  await brake.before(send("D", writer), context);
  await brake.applyPace();
  expect({ released, paces }).toEqual({ released: [], paces: [] });
  settings.pace = { ...defaultPace, perMinute: 5 };
  await brake.applyPace();
  expect({ released, paces }).toEqual({ released: ["A", "B"], paces: [5] });
  settings.pace = { ...defaultPace, perMinute: 5, timeZone: "Asia/Kolkata" };
  await brake.applyPace();
  expect(paces).toEqual([5, 5]);
});

test("the day of the limit for new contacts is one of the time zone of the instance", async () => {
  const { brake, context } = startBrake({ pace: { ...defaultPace, newContactsPerDay: 0, timeZone: "Asia/Kolkata" } });
  const until = new Date("2026-11-30T18:30:00Z");
  expect(await brake.before(send("A", "491555000019@s.whatsapp.net"), context)).toEqual({ reason: "pace", until });
});

const group = (name: string | number) => `${name}@g.us`;
const idOf = (index: number) => String(index).padStart(6, "0");

/** Seconds from `at(minutes)` to each time, in order. */
const secondsAfter = (minutes: number, waits: Iterable<Wait | undefined>) =>
  [...waits].map((wait) => ((wait?.until.getTime() ?? Number.NaN) - at(minutes).getTime()) / 1000);

test("sends to one chat wait one step longer each, so that a rate limit of a minute delays the 500th by 499 s", async () => {
  const { brake, context, waiting } = startBrake();
  const wait = await brake.refused(send(idOf(0), group("busy")), "429", context);
  await brake.hold(send(idOf(0), group("busy")), wait as Wait, context);
  for (let index = 1; index < 500; index++) {
    const command = send(idOf(index), group("busy"));
    const next = await brake.before(command, context);
    if (next) await brake.hold(command, next, context);
  }
  expect(secondsAfter(1, waiting.values())).toEqual(Array.from({ length: 500 }, (_, index) => index));
});

test("sends of different chats that WhatsApp refuses together are tried again one step apart", async () => {
  const { brake, context, waiting } = startBrake();
  await Promise.all(
    Array.from({ length: 64 }, async (_, index) => {
      const command = send(idOf(index), index % 2 === 0 ? group(index) : `4915550000${index}@s.whatsapp.net`);
      const wait = await brake.refused(command, "429", context);
      await brake.hold(command, wait as Wait, context);
    }),
  );
  const seconds = secondsAfter(1, waiting.values()).sort((a, b) => a - b);
  expect(seconds).toEqual(Array.from({ length: 64 }, (_, index) => index));
});

test("messages of bulks and sends with another reason don't delay a single send", async () => {
  const { brake, context, waiting } = startBrake();
  const lock: Wait = { reason: "time_lock", until: at(60) };
  for (let index = 0; index < 1_000; index++) {
    await brake.hold({ ...send(idOf(index), group(index)), inBulk: true }, lock, context);
    await brake.hold(
      send(`${idOf(index)}S`, group(`single${index}`)),
      { reason: "rate_limit", until: at(60) },
      context,
    );
  }
  await brake.hold(send("SINGLE", group("single")), lock, context);
  expect(waiting.get("SINGLE")).toEqual(lock);
  expect(waiting.get(idOf(999))).toEqual(lock);
});

test("sends that were canceled or have expired stop delaying other single sends", async () => {
  const { brake, context, waiting, to } = startBrake();
  const lock: Wait = { reason: "time_lock", until: at(60) };
  for (let index = 0; index < 100; index++) await brake.hold(send(idOf(index), group(index)), lock, context);
  expect(secondsAfter(60, [waiting.get(idOf(99))])).toEqual([99 * 5]);
  for (let index = 1; index < 100; index++) waiting.delete(idOf(index));
  to(1);
  brake.tick();
  await new Promise(setImmediate);
  await brake.hold(send("NEXT", group("next")), lock, context);
  expect(secondsAfter(60, [waiting.get("NEXT")])).toEqual([5]);
});

test("a send waits for the last one in its chat that still waits, not for a canceled one", async () => {
  const held = ([id, minutes]: [string, number]): HeldSend => {
    return { id, chatId: alice, inBulk: false, reason: "time_lock", until: at(minutes) };
  };
  const { brake, context, waiting } = startBrake({
    held: (
      [
        ["A", 10],
        ["B", 20],
        ["C", 30],
      ] as [string, number][]
    ).map(held),
  });
  waiting.delete("C");
  expect(await brake.before(send("D", alice), context)).toMatchObject({ until: at(20) });
});

test("a send whose restriction ends while it is being stored becomes due once it is stored", async () => {
  const { brake, context, database, released } = startBrake();
  brake.note({ timeLock: { isActive: true, until: at(60), type: "BIZ_QUALITY" } });
  await brake.load();
  const stored = Promise.withResolvers<void>();
  database.stored = stored.promise;
  const holding = brake.hold(send("A", alice), { reason: "time_lock", until: at(60) }, context);
  brake.note({ timeLock: { isActive: false, until: undefined, type: "DEFAULT" } });
  brake.tick();
  expect(released).toEqual([]);
  // A later send to the chat waits behind the one that is not stored yet.
  expect(await brake.before(send("B", alice), context)).toMatchObject({ reason: "time_lock" });
  stored.resolve();
  await holding;
  expect(released).toEqual(["A"]);
});

test("a person who writes doesn't end the wait for a rate limit", async () => {
  const { brake, context, released } = startBrake();
  await brake.load();
  await brake.hold(send("A", alice), { reason: "rate_limit", until: at(1) }, context);
  await brake.hold(send("B", alice), { reason: "time_lock", until: at(60) }, context);
  brake.personWrote([alice]);
  await new Promise(setImmediate);
  expect(released).toEqual(["B"]);
});

test("a pause keeps all sends back until it is resumed, answers too", async () => {
  const { brake, context, released, waiting } = startBrake();
  expect(await brake.pause()).toEqual({ since: at(0), isNew: true });
  expect(await brake.pause()).toEqual({ since: at(0), isNew: false });
  for (const [id, chat] of [
    ["A", alice],
    ["B", writer],
  ] as const) {
    const wait = await brake.before(send(id, chat), context);
    expect(wait).toMatchObject({ reason: "paused" });
    if (wait) await brake.hold(send(id, chat), wait, context);
  }
  brake.personWrote([alice]);
  expect(released).toEqual([]);
  brake.resume();
  expect(released).toEqual(["A", "B"]);
  // The database still has A. A later send to the chat waits behind it, and no longer for the end of the pause.
  expect(await brake.before(send("C", alice), context)).toMatchObject({ reason: "pace" });
  waiting.clear();
  expect(await brake.before(send("C", alice), context)).toBeUndefined();
});

test("a send that is put back while the pause ends is released", async () => {
  const { brake, context, database, released } = startBrake();
  await brake.pause();
  const wait = await brake.before(send("A", alice), context);
  const { promise, resolve } = Promise.withResolvers<void>();
  database.stored = promise;
  const holding = wait && brake.hold(send("A", alice), wait, context);
  brake.resume();
  expect(released).toEqual([]);
  resolve();
  await holding;
  expect(released).toEqual(["A"]);
});

test("a host that starts continues a pause, and ends one whose end was stored", async () => {
  const held: HeldSend[] = [{ id: "A", chatId: alice, inBulk: false, reason: "paused", until: at(0) }];
  const paused = startBrake({ held, pausedAt: at(-5) });
  expect(await paused.brake.before(send("B", writer), paused.context)).toMatchObject({ reason: "paused" });
  expect(paused.released).toEqual([]);
  const resumed = startBrake({ held });
  expect(await resumed.brake.before(send("B", writer), resumed.context)).toBeUndefined();
  expect(resumed.released).toEqual(["A"]);
});

test("by default, 250 people per day get a first message, further ones wait until the next day, and answers don't", async () => {
  const { brake, context, to } = startBrake({ pace: paceOf(null) });
  const stranger = (index: number) => `49155510${String(index).padStart(5, "0")}@s.whatsapp.net`;
  const before = (index: number, chat = stranger(index)) => brake.before(send(`S${index}`, chat), context);
  for (let index = 0; index < 250; index++) expect(await before(index)).toBeUndefined();
  expect(await before(250)).toEqual({ reason: "pace", until: new Date("2026-12-01T00:00:00Z") });
  expect(await before(3)).toBeUndefined();
  expect(await before(251, writer)).toBeUndefined();
  expect(await before(252, "120363000@g.us")).toBeUndefined();
  to(14 * 60);
  expect(await before(250)).toBeUndefined();
});

test("null turns the default limit of new contacts off", async () => {
  const { brake, context } = startBrake({ pace: paceOf({ newContactsPerDay: null }) });
  for (let index = 0; index < 251; index++) {
    const chat = `49155510${String(index).padStart(5, "0")}@s.whatsapp.net`;
    expect(await brake.before(send(`S${index}`, chat), context)).toBeUndefined();
  }
});
