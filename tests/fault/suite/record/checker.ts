import { type CheckOptions, lateMessages } from "./lateness.ts";
import type { Accepted, Inbound, ReceivedWebhook, RunRecord, StoredMessage } from "./record.ts";

/** The rules that a run can break. `late` depends on the speed of the machine, so reports list it separately. */
export const rules = {
  "inbound lost": "a message to an instance is not in the event log",
  "inbound twice": "a message to an instance has two events",
  "file lost": "the file of a received message is not stored",
  "send lost": "an accepted send is not on the recipient's phone",
  "send twice": "a person sees an accepted send twice",
  "send unknown": "a person sees a text that the gateway did not accept",
  "send misreported": "the status of a send contradicts the recipient's phone",
  "reply lost": "a send over SQS has no final reply",
  "webhook lost": "an event did not reach the webhook receiver",
  "two bodies": "one event id arrived with two different bodies",
  "event unknown": "the webhook receiver got an event that is not in the log",
  "queue event lost": "an event did not reach the event queue of its instance",
  "queue order": "events reached the event queue of their instance out of order",
  "sequence gap": "the sequence numbers of an instance have a gap or a repetition",
  "two sockets": "an instance had two connections to WhatsApp at once",
  "command open": "a command has no end",
  "not accepted": "a request was refused although it was repeated",
  "protocol error": "WhatsApp or a phone did not understand what the gateway sent",
  late: "something took longer than the bound",
} as const;
export type Rule = keyof typeof rules;

export interface Violation {
  rule: Rule;
  detail: string;
}

/** The event types that have a webhook in the Multi-Instance API. */
const withWebhook = new Set([
  "message.received",
  "message.sent",
  "message.delivered",
  "message.read",
  "message.failed",
  "connection.open",
  "connection.close",
]);

/** Compares the records of a run and returns every contradiction. */
export function check(record: RunRecord, options: CheckOptions): Violation[] {
  return [
    ...checkInbound(record),
    ...checkSends(record),
    ...checkReplies(record),
    ...checkEvents(record),
    ...checkWebhooks(record),
    ...checkSinks(record),
    ...checkSockets(record),
    ...checkCommands(record),
    ...record.refusals.map((detail): Violation => ({ rule: "not accepted", detail })),
    ...record.complaints.map((detail): Violation => ({ rule: "protocol error", detail })),
    ...lateMessages(record, options).map((detail): Violation => ({ rule: "late", detail })),
  ];
}

const keyOf = (instance: string, messageId: string) => `${instance} ${messageId}`;
const messageKey = ({ instance, messageId }: Inbound | StoredMessage) => keyOf(instance, messageId);

function checkInbound({ inbound, events, messages }: RunRecord): Violation[] {
  const received = events.filter(({ type }) => type === "message.received");
  const byMessage = Map.groupBy(received, ({ instance, messageId }) => keyOf(instance, messageId ?? ""));
  const files = new Map(messages.map((one) => [keyOf(one.instance, one.messageId), one.file]));
  return inbound.flatMap((one): Violation[] => {
    const found = byMessage.get(messageKey(one))?.length ?? 0;
    const detail = `${one.messageId} (${one.text}) to ${one.instance}`;
    if (found === 0) return [{ rule: "inbound lost", detail }];
    if (found > 1) return [{ rule: "inbound twice", detail: `${detail}: ${found} events` }];
    const file = files.get(messageKey(one));
    if (one.media && file !== "stored") return [{ rule: "file lost", detail: `${detail}: ${file ?? "no file"}` }];
    return [];
  });
}

/** Returns the accepted sends with their message ids. A text of a bulk that is not in the history has an empty id. */
export function identified({ accepted, messages }: RunRecord): (Accepted & { messageId: string })[] {
  const sent = messages.filter(({ fromMe }) => fromMe);
  const byText = new Map(sent.map((one) => [keyOf(one.instance, one.text), one.messageId]));
  return accepted.map((send) => ({
    ...send,
    messageId: send.messageId ?? byText.get(keyOf(send.instance, send.text)) ?? "",
  }));
}

function checkSends(record: RunRecord): Violation[] {
  const { shown, messages } = record;
  const violations: Violation[] = [];
  const accepted = identified(record);
  const seen = Map.groupBy(shown, ({ phone, messageId }) => keyOf(phone, messageId));
  const statuses = new Map(messages.map((one) => [messageKey(one), one.status]));
  for (const send of accepted) {
    const detail = `${send.messageId} (${send.text}) from ${send.instance} to ${send.to}`;
    const [message] = seen.get(keyOf(send.to, send.messageId)) ?? [];
    const status = statuses.get(keyOf(send.instance, send.messageId)) ?? "not stored";
    if (!message) violations.push({ rule: "send lost", detail: `${detail}: ${status}` });
    else if (status !== "read" && (message.read || status !== "delivered"))
      violations.push({
        rule: "send misreported",
        detail: `${detail}: ${status}, ${message.read ? "read" : "shown"} on the phone`,
      });
  }
  const ids = new Set(accepted.map(({ to, messageId }) => keyOf(to, messageId)));
  for (const [text, copies] of Map.groupBy(shown, (one) => keyOf(one.phone, one.text))) {
    if (copies.length > 1) {
      violations.push({
        rule: "send twice",
        detail: `${text}: ${copies.map(({ messageId }) => messageId).join(", ")}`,
      });
    }
  }
  for (const one of shown)
    if (!ids.has(keyOf(one.phone, one.messageId)))
      violations.push({ rule: "send unknown", detail: `${one.messageId} (${one.text}) at ${one.phone}` });
  return violations;
}

function checkReplies({ accepted, replies }: RunRecord): Violation[] {
  const final = new Set(replies.filter(({ status }) => status !== "accepted").map(({ requestId }) => requestId));
  return accepted.flatMap(({ requestId }): Violation[] =>
    requestId === null || final.has(requestId) ? [] : [{ rule: "reply lost", detail: requestId }],
  );
}

function checkEvents({ events }: RunRecord): Violation[] {
  return [...Map.groupBy(events, ({ instance }) => instance)].flatMap(([instance, list]) => {
    const numbers = list.map(({ seq }) => seq).sort((a, b) => a - b);
    const wrong = numbers.findIndex((seq, index) => seq !== index + 1);
    if (wrong === -1) return [];
    return [{ rule: "sequence gap", detail: `${instance}: ${numbers[wrong]} instead of ${wrong + 1}` } as const];
  });
}

function checkWebhooks({ events, webhooks }: RunRecord): Violation[] {
  const byEvent = Map.groupBy(webhooks, ({ eventId }) => eventId);
  const logged = new Set(events.map(({ id }) => id));
  const violations: Violation[] = [];
  for (const [id, list] of byEvent) {
    if (new Set(list.map(({ body }) => body)).size > 1) violations.push({ rule: "two bodies", detail: id });
    if (!logged.has(id)) violations.push({ rule: "event unknown", detail: id });
  }
  for (const { id, type, instance, seq } of events) {
    if (withWebhook.has(type) && !byEvent.get(id)?.some(isSuccess))
      violations.push({ rule: "webhook lost", detail: `${type} ${id}, number ${seq} of ${instance}` });
  }
  return violations;
}

/** An event may arrive on a queue again, but its first arrival comes after those of all earlier events. */
function checkSinks({ events, sinks }: RunRecord): Violation[] {
  return sinks.flatMap(({ instance, events: arrived }): Violation[] => {
    const first = new Map<string, { seq: number; body: string }>();
    const violations: Violation[] = [];
    let highest = 0;
    for (const { id, seq, body } of arrived) {
      const known = first.get(id);
      if (known && known.body !== body) violations.push({ rule: "two bodies", detail: `${id} on the event queue` });
      if (known) continue;
      first.set(id, { seq, body });
      if (seq < highest) violations.push({ rule: "queue order", detail: `${instance}: ${seq} after ${highest}` });
      highest = Math.max(highest, seq);
    }
    const lost = events.filter((event) => event.instance === instance && !first.has(event.id));
    return [
      ...violations,
      ...lost.map(({ id, seq }): Violation => ({ rule: "queue event lost", detail: `${id}, number ${seq}` })),
    ];
  });
}

const isSuccess = ({ status }: ReceivedWebhook) => status >= 200 && status < 300;

function checkSockets({ sockets, faults }: RunRecord): Violation[] {
  const expected = (instance: string, at: number) =>
    faults.some(
      (fault) =>
        fault.twoSockets &&
        fault.instances.includes(instance) &&
        at >= fault.startedAt &&
        at <= (fault.recoveredAt ?? Number.POSITIVE_INFINITY),
    );
  return sockets.flatMap(({ instance, history }) =>
    history.flatMap(({ at, event, open }): Violation[] =>
      event === "open" && open > 1 && !expected(instance, at)
        ? [{ rule: "two sockets", detail: `${instance}: ${open} open at ${new Date(at).toISOString()}` }]
        : [],
    ),
  );
}

const ends = new Set(["done", "failed", "canceled"]);

function checkCommands({ commands }: RunRecord): Violation[] {
  return commands.flatMap(({ id, name, status }): Violation[] =>
    ends.has(status) ? [] : [{ rule: "command open", detail: `${name} ${id} is ${status}` }],
  );
}
