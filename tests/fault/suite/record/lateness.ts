import type { InjectedFault, RunRecord } from "./record.ts";

export interface CheckOptions {
  /** Time for a message while nothing is broken, in milliseconds. */
  calmMs: number;
  /** Factor for all time limits, for a slow or busy machine. */
  load: number;
}

/** A period in milliseconds of the database's clock. */
interface Period {
  from: number;
  to: number;
}

/**
 * Returns what took longer than the bound: a fault after which the gateway needed more time to recover than the bound
 * of that fault, and a message or an event that took longer than `calmMs` in addition to the periods of faults.
 */
export function lateMessages(record: RunRecord, { calmMs, load }: CheckOptions): string[] {
  const broken = brokenPeriods(record.faults, load);
  const late: string[] = [];
  const limit = calmMs * load;
  const judge = (what: string, instance: string, from: number, to: number | undefined) => {
    if (to === undefined) return;
    const calm = to - from - overlap({ from, to }, broken.get(instance) ?? []);
    if (calm > limit) late.push(`${what} took ${seconds(to - from)}, ${seconds(calm)} of it without a fault`);
  };
  const firstSuccess = new Map<string, number>();
  for (const { eventId, status, at } of record.webhooks) {
    if (status >= 200 && status < 300 && !firstSuccess.has(eventId)) firstSuccess.set(eventId, at);
  }
  const sentAt = new Map(record.inbound.map((one) => [`${one.instance} ${one.messageId}`, one.at]));
  for (const event of record.events) {
    const began = event.type === "message.received" ? sentAt.get(`${event.instance} ${event.messageId}`) : undefined;
    judge(`the webhook of ${event.type} ${event.id}`, event.instance, began ?? event.at, firstSuccess.get(event.id));
  }
  // A person sees each text once, as another rule checks.
  const shownAt = new Map(record.shown.map((one) => [`${one.phone} ${one.text}`, one.at]));
  for (const send of record.accepted)
    judge(`the send "${send.text}"`, send.instance, send.at, shownAt.get(`${send.to} ${send.text}`));
  for (const { name, id, instance, dueAt, finishedAt } of record.commands)
    judge(`the command ${name} ${id}`, instance, dueAt, finishedAt ?? undefined);
  return [...late, ...record.faults.flatMap((fault) => slowRecovery(fault, record.faults, load))];
}

function slowRecovery(fault: InjectedFault, faults: readonly InjectedFault[], load: number): string[] {
  const took = recoveryMs(fault, faults, load);
  if (took === null) return [`after ${fault.kind}, the work under way was not done before the run ended`];
  return took > fault.boundMs * load ? [`after ${fault.kind}, the work under way took ${seconds(took)}`] : [];
}

/**
 * Returns how long the recovery from a fault took, in milliseconds, without the periods in which other faults could
 * delay it. Returns null if the work was not done before the run ended.
 */
export function recoveryMs(fault: InjectedFault, faults: readonly InjectedFault[], load: number): number | null {
  const { healedAt, recoveredAt, instances } = fault;
  if (recoveredAt === null) return null;
  const others = brokenPeriods(
    faults.filter((other) => other !== fault),
    load,
  );
  const delays = merged(instances.flatMap((instance) => others.get(instance) ?? []));
  return Math.max(0, recoveredAt - healedAt - overlap({ from: healedAt, to: recoveredAt }, delays));
}

/** Returns for each instance the periods in which a fault, or the recovery from it, may delay its work. */
function brokenPeriods(faults: readonly InjectedFault[], load: number): Map<string, Period[]> {
  const periods = faults.flatMap(({ instances, startedAt, healedAt, boundMs }) =>
    instances.map((instance) => ({ instance, from: startedAt, to: healedAt + boundMs * load })),
  );
  return new Map(
    [...Map.groupBy(periods, ({ instance }) => instance)].map(([instance, list]) => [instance, merged(list)]),
  );
}

function merged(periods: readonly Period[]): Period[] {
  const result: Period[] = [];
  for (const { from, to } of periods.toSorted((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else result.push({ from, to });
  }
  return result;
}

/** Returns the milliseconds that a period shares with others, which don't overlap each other. */
function overlap({ from, to }: Period, others: readonly Period[]): number {
  return others.reduce((sum, other) => sum + Math.max(0, Math.min(to, other.to) - Math.max(from, other.from)), 0);
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
