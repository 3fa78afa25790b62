import { expect, test } from "vitest";
import { check, type Rule, rules } from "../../fault/suite/record/checker.ts";
import type { InjectedFault, RunRecord } from "../../fault/suite/record/record.ts";

const options = { calmMs: 15_000, load: 1 };
const instance = "instance";

/** The record of a run in which everything went well: a text and an image in, and a text out over each of REST and SQS. */
function goodRecord(): RunRecord {
  const event = (seq: number, type: string, messageId: string | null) => ({
    instance,
    id: `event-${seq}`,
    seq,
    type,
    messageId,
    at: 1_000 * seq,
  });
  const events = [
    event(1, "connection.open", null),
    event(2, "message.received", "in-1"),
    event(3, "message.received", "in-2"),
    event(4, "message.sent", "out-1"),
    event(5, "message.delivered", "out-1"),
    event(6, "message.sent", "out-2"),
    event(7, "message.read", "out-2"),
    event(8, "chat.updated", null),
  ];
  const shown = (messageId: string, read: boolean) => ({
    phone: "peer",
    from: "owner",
    messageId,
    text: `text of ${messageId}`,
    copies: 1,
    at: 5_000,
    read,
  });
  const accepted = (messageId: string, requestId: string | null) => ({
    instance,
    messageId,
    text: `text of ${messageId}`,
    to: "peer",
    at: 3_000,
    requestId,
  });
  const command = (id: string, messageId: string) => ({
    id,
    instance,
    name: "message.sendText",
    messageId,
    status: "done",
    error: null,
    dueAt: 3_000,
    finishedAt: 5_000,
  });
  const message = (messageId: string, fromMe: boolean, status: string, file: string | null = null) => ({
    instance,
    messageId,
    text: `text of ${messageId}`,
    fromMe,
    status,
    file,
  });
  return {
    inbound: [
      { instance, messageId: "in-1", text: "hello", at: 1_900, media: false },
      { instance, messageId: "in-2", text: "picture", at: 2_900, media: true },
    ],
    // The third is a text of a bulk, whose id the caller doesn't know.
    accepted: [accepted("out-1", null), accepted("out-2", "request"), { ...accepted("out-4", null), messageId: null }],
    shown: [shown("out-1", false), shown("out-2", true), shown("out-4", false)],
    events,
    webhooks: events
      .filter(({ type }) => type !== "chat.updated")
      .map(({ id, at }) => ({ eventId: id, body: `body of ${id}`, at: at + 100, status: 200 })),
    commands: [command("command-1", "out-1"), command("command-2", "out-2")],
    messages: [
      message("in-1", false, "received"),
      message("in-2", false, "received", "stored"),
      message("out-1", true, "delivered"),
      message("out-2", true, "read"),
      message("out-4", true, "delivered"),
    ],
    sinks: [{ instance, events: events.map(({ id, seq }) => ({ id, seq, body: `queued ${id}` })) }],
    sockets: [
      {
        instance,
        history: [
          { at: 500, event: "open", open: 1 },
          { at: 600, event: "close", open: 0 },
          { at: 700, event: "open", open: 1 },
        ],
      },
    ],
    replies: [
      { requestId: "request", status: "accepted", at: 3_000 },
      { requestId: "request", status: "done", at: 5_000 },
    ],
    faults: [fault({})],
    complaints: [],
    refusals: [],
  };
}

const fault = (given: Partial<InjectedFault>): InjectedFault => ({
  kind: "host killed",
  instances: [instance],
  startedAt: 2_000,
  healedAt: 2_100,
  boundMs: 15_000,
  twoSockets: false,
  recoveredAt: 5_000,
  ...given,
});

/** For each rule, at least one record that breaks it and no other rule. */
const doctored: [Rule, string, (record: RunRecord) => void][] = [
  [
    "inbound lost",
    "no event of a received message",
    (record) => {
      record.inbound.push({ instance, messageId: "in-3", text: "lost", at: 0, media: false });
    },
  ],
  [
    "inbound lost",
    "the event belongs to another instance",
    (record) => {
      record.inbound.push({ instance: "other", messageId: "in-1", text: "lost", at: 0, media: false });
    },
  ],
  [
    "inbound twice",
    "two events of one message",
    (record) => {
      record.events.push({ instance, id: "again", seq: 9, type: "message.received", messageId: "in-1", at: 1 });
      record.webhooks.push({ eventId: "again", body: "again", at: 2, status: 200 });
      record.sinks[0]?.events.push({ id: "again", seq: 9, body: "again" });
    },
  ],
  ["file lost", "the file is pending", ({ messages }) => Object.assign(messages[1] ?? {}, { file: "pending" })],
  ["file lost", "there is no file", ({ messages }) => Object.assign(messages[1] ?? {}, { file: null })],
  [
    "send lost",
    "no phone shows an accepted send",
    (record) => {
      record.shown.shift();
    },
  ],
  [
    "send lost",
    "a text of a bulk is not in the history",
    (record) => {
      record.messages.pop();
      record.shown.pop();
    },
  ],
  [
    "send twice",
    "one text has two ids",
    (record) => {
      const [first] = record.shown;
      const [accepted] = record.accepted;
      if (!first || !accepted) return;
      record.shown.push({ ...first, messageId: "out-3" });
      record.accepted.push({ ...accepted, messageId: "out-3" });
      record.messages.push({
        instance,
        messageId: "out-3",
        text: first.text,
        fromMe: true,
        status: "delivered",
        file: null,
      });
    },
  ],
  [
    "send unknown",
    "a phone shows a text that was not accepted",
    (record) => {
      const [first] = record.shown;
      if (first) record.shown.push({ ...first, messageId: "foreign", text: "foreign" });
    },
  ],
  [
    "send misreported",
    "a shown send is pending",
    ({ messages }) => Object.assign(messages[2] ?? {}, { status: "pending" }),
  ],
  [
    "send misreported",
    "a shown send is failed",
    ({ messages }) => Object.assign(messages[2] ?? {}, { status: "failed" }),
  ],
  [
    "send misreported",
    "a read send is delivered",
    ({ messages }) => Object.assign(messages[3] ?? {}, { status: "delivered" }),
  ],
  [
    "reply lost",
    "no final reply",
    (record) => {
      record.replies.pop();
    },
  ],
  [
    "webhook lost",
    "an event never arrived",
    (record) => {
      record.webhooks.splice(1, 1);
    },
  ],
  [
    "webhook lost",
    "the receiver never accepted an event",
    ({ webhooks }) => Object.assign(webhooks[1] ?? {}, { status: 503 }),
  ],
  [
    "two bodies",
    "an event id has two bodies",
    (record) => {
      record.webhooks.push({ eventId: "event-2", body: "another", at: 3_000, status: 200 });
    },
  ],
  [
    "event unknown",
    "a webhook has an event id that is not in the log",
    (record) => {
      record.webhooks.push({ eventId: "foreign", body: "foreign", at: 3_000, status: 200 });
    },
  ],
  [
    "two bodies",
    "an event has two bodies on its queue",
    (record) => {
      record.sinks[0]?.events.push({ id: "event-2", seq: 2, body: "another" });
    },
  ],
  [
    "queue event lost",
    "an event is not on its queue",
    (record) => {
      record.sinks[0]?.events.splice(2, 1);
    },
  ],
  [
    "queue order",
    "an event arrives on its queue after a later one",
    (record) => {
      record.sinks[0]?.events.reverse();
      record.sinks[0]?.events.splice(0, 6);
      record.events.splice(2);
      record.webhooks.splice(2);
      record.inbound.pop();
    },
  ],
  [
    "sequence gap",
    "a number is missing",
    (record) => {
      record.events.pop();
      record.sinks = [];
      record.events.push({ instance, id: "last", seq: 9, type: "chat.updated", messageId: null, at: 8_000 });
    },
  ],
  [
    "sequence gap",
    "a number occurs twice",
    (record) => {
      record.sinks = [];
      record.events.push({ instance, id: "twin", seq: 8, type: "chat.updated", messageId: null, at: 8_000 });
    },
  ],
  [
    "two sockets",
    "a socket opens beside another",
    (record) => {
      record.sockets[0]?.history.push({ at: 3_000, event: "open", open: 2 });
    },
  ],
  [
    "two sockets",
    "a socket opens beside another after the host has recovered from a freeze",
    (record) => {
      record.faults = [fault({ twoSockets: true })];
      record.sockets[0]?.history.push({ at: 6_000, event: "open", open: 2 });
    },
  ],
  [
    "command open",
    "a command is claimed",
    ({ commands }) => Object.assign(commands[0] ?? {}, { status: "claimed", finishedAt: null }),
  ],
  [
    "not accepted",
    "a request was refused",
    (record) => {
      record.refusals.push("POST /send");
    },
  ],
  [
    "protocol error",
    "a stanza is unknown",
    (record) => {
      record.complaints.push("<iq>");
    },
  ],
  ["late", "a webhook came late", ({ webhooks }) => Object.assign(webhooks[1] ?? {}, { at: 60_000 })],
  ["late", "a send was shown late", ({ shown }) => Object.assign(shown[0] ?? {}, { at: 60_000 })],
  ["late", "a command ended late", ({ commands }) => Object.assign(commands[0] ?? {}, { finishedAt: 60_000 })],
  ["late", "the recovery took too long", ({ faults }) => Object.assign(faults[0] ?? {}, { recoveredAt: 17_101 })],
  ["late", "the recovery never ended", ({ faults }) => Object.assign(faults[0] ?? {}, { recoveredAt: null })],
];

test("the checker accepts a run in which everything went well", () => {
  expect(check(goodRecord(), options)).toEqual([]);
});

test.each(doctored)("the checker reports '%s' if %s", (rule, _, doctor) => {
  const record = goodRecord();
  doctor(record);
  expect(check(record, options).map((violation) => violation.rule)).toEqual([rule]);
});

test("there is a doctored record for every rule", () => {
  expect(new Set(doctored.map(([rule]) => rule))).toEqual(new Set(Object.keys(rules)));
});

test("the checker accepts repeated webhooks with the same body, and copies that a phone dropped", () => {
  const record = goodRecord();
  record.webhooks.push({ eventId: "event-2", body: "body of event-2", at: 9_000, status: 200 });
  Object.assign(record.shown[0] ?? {}, { copies: 3 });
  expect(check(record, options)).toEqual([]);
});

test("a second socket is expected while a host is frozen", () => {
  const record = goodRecord();
  record.faults = [fault({ twoSockets: true })];
  record.sockets[0]?.history.push({ at: 3_000, event: "open", open: 2 });
  expect(check(record, options)).toEqual([]);
});

test("time during a fault and its recovery does not count as delay, but only for the instances of the fault", () => {
  const record = goodRecord();
  record.faults = [fault({ startedAt: 2_000, healedAt: 40_000, recoveredAt: 50_000 })];
  Object.assign(record.webhooks[1] ?? {}, { at: 55_000 });
  expect(check(record, options)).toEqual([]);
  record.faults = [fault({ startedAt: 2_000, healedAt: 40_000, recoveredAt: 50_000, instances: ["other"] })];
  expect(check(record, options).map(({ rule }) => rule)).toEqual(["late"]);
});

test("the time of other faults does not count as recovery from a fault, but only for its own instances", () => {
  const record = goodRecord();
  const slow = fault({ recoveredAt: 30_000 });
  record.faults = [slow, fault({ kind: "database cut", startedAt: 9_000, healedAt: 12_000, recoveredAt: 14_000 })];
  expect(check(record, options)).toEqual([]);
  record.faults = [slow, fault({ startedAt: 9_000, healedAt: 12_000, recoveredAt: 14_000, instances: ["other"] })];
  expect(check(record, options).map(({ rule }) => rule)).toEqual(["late"]);
});

test("the load factor extends the time limits", () => {
  const record = goodRecord();
  Object.assign(record.webhooks[1] ?? {}, { at: 60_000 });
  Object.assign(record.faults[0] ?? {}, { recoveredAt: 30_000 });
  expect(check(record, { ...options, load: 2 })).toEqual([]);
});
