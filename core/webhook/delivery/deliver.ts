import { startAge } from "../../clock.ts";
import { feedSinks, type SinkDeps } from "../../event-sink/feed.ts";
import { parseEvent } from "../body/event.ts";
import type { WebhookDeps } from "./batch.ts";
import { countdown } from "./detachment.ts";
import { type DirectDeps, deliverDirectly, isDirect } from "./direct.ts";
import { type BrokenEndpoint, type Endpoint, hasUrl, loadRecipients } from "./endpoint.ts";
import { type EventRecord, type Incoming, type Prepared, prepare } from "./prepare.ts";
import { type Batch, deliverStored } from "./stored.ts";

export type DeliverDeps = DirectDeps & SinkDeps;

export interface DeliverOptions {
  budgetMs: number;
  /**
   * Called with the ids of an instance's records when its deliveries are attempted or stored, so that SQS no longer
   * needs the records. Other instances of the batch may take longer.
   */
  onDone?: (recordIds: string[]) => void;
}

/**
 * Maximum number of events per instance that a batch sends to an event queue, because the next batch of the instance
 * waits for this one. `feedDueSinks` sends the rest.
 */
const maxSinkEvents = 500;

/**
 * Delivers events to webhook endpoints and to event queues.
 *
 * Makes one delivery per event and endpoint and attempts it at once: endpoints in parallel, the events of one endpoint
 * in order. The deliveries of healthy endpoints are stored with the result of their attempt (`direct.ts`), and the others
 * before it (`stored.ts`). Failed deliveries wait in the database for `retryDeliveries`. Deliveries to an endpoint that is
 * slow or has a backlog join the backlog, so that they occupy no worker here. If SQS delivers an event again, the event
 * gets no second delivery. If the worker that had the event has died, this worker continues with its delivery, under the
 * same id. At the same time, events are sent from the event log to event queues. Neither part depends on the other.
 *
 * Returns the ids of the records that SQS must deliver again: records that are not events (they end in the dead-letter
 * queue), and records that failed for an internal reason, with all later records of the same instance.
 */
export async function deliverEvents(
  deps: DeliverDeps,
  records: readonly EventRecord[],
  options: DeliverOptions,
): Promise<Set<string>> {
  const ageMs = startAge();
  const failed = new Set<string>();
  const byInstance = groupByInstance(deps, records, failed);
  const fail = (incoming: readonly Incoming[]) => {
    for (const { record } of incoming) failed.add(record.id);
  };
  let feeding: Promise<void> | undefined;
  try {
    const now = deps.clock.now();
    const events = [...byInstance.values()].flat().map(({ event }) => event.id);
    const { endpoints, delivered } = await loadRecipients(deps, [...byInstance.keys()], events);
    feeding = feedQueues(deps, endpoints, options.budgetMs);
    const prepared: Prepared[] = [];
    for (const [id, incoming] of byInstance)
      prepared.push(...(await prepare(deps, endpoints.get(id) ?? [], incoming, delivered, fail)));
    const isDone = reportDone(byInstance, failed, options.onDone);
    const withDelivery = new Set(prepared.map(({ event }) => event.instanceId));
    for (const id of byInstance.keys()) if (!withDelivery.has(id)) isDone(id);
    const ends = new Date(now.getTime() + options.budgetMs);
    const end = countdown([...new Set(prepared.map(({ endpoint }) => endpoint))], isDone);
    const remainingMs = () => options.budgetMs - ageMs();
    const onFailure = (deliveries: readonly Prepared[], error: unknown) => {
      const [first] = deliveries;
      if (!first) return;
      const { instanceId, seq } = first.event;
      const failed = { instanceId, endpointId: first.endpoint.id, deliveries: deliveries.length };
      deps.log.error({ err: error, ...failed }, "can't deliver events to a webhook endpoint");
      fail((byInstance.get(instanceId) ?? []).filter(({ event }) => event.seq >= seq));
    };
    const several = withSeveral(endpoints);
    await deliver(deps, prepared, { ends, remainingMs, ageMs, several, onEnd: end, onFailure });
  } catch (error) {
    deps.log.error({ err: error, records: records.length }, "can't deliver a batch of events");
    for (const incoming of byInstance.values()) fail(incoming);
  }
  await feeding;
  return failed;
}

/** Returns a function that reports the records of an instance as done, except those that failed. */
function reportDone(
  byInstance: ReadonlyMap<string, Incoming[]>,
  failed: ReadonlySet<string>,
  onDone: DeliverOptions["onDone"],
): (instanceId: string) => void {
  return (instanceId) => {
    const ids = (byInstance.get(instanceId) ?? []).map(({ record }) => record.id).filter((id) => !failed.has(id));
    if (ids.length > 0) onDone?.(ids);
  };
}

/** Sends events to event queues. Never throws. `feedDueSinks` sends the events that are not sent now. */
async function feedQueues(
  deps: DeliverDeps,
  endpoints: ReadonlyMap<string, (Endpoint | BrokenEndpoint)[]>,
  budgetMs: number,
): Promise<void> {
  const instanceIds = [...endpoints].flatMap(([id, [first]]) => (first?.hasQueue ? [id] : []));
  if (instanceIds.length > 0) await feedSinks(deps, instanceIds, { budgetMs, maxEvents: maxSinkEvents });
}

/** Returns the ids of the instances with several endpoints. */
function withSeveral(endpoints: ReadonlyMap<string, (Endpoint | BrokenEndpoint)[]>): Set<string> {
  return new Set([...endpoints].flatMap(([id, some]) => (some.filter(hasUrl).length > 1 ? [id] : [])));
}

/** Groups records by instance, in the order of their events. Adds records that are not events to `failed`. */
function groupByInstance(deps: WebhookDeps, records: readonly EventRecord[], failed: Set<string>) {
  const byInstance = new Map<string, Incoming[]>();
  for (const record of records) {
    try {
      const event = parseEvent(record.body);
      const known = byInstance.get(event.instanceId);
      if (known) known.push({ record, event });
      else byInstance.set(event.instanceId, [{ record, event }]);
    } catch (error) {
      deps.log.error({ err: error, record: record.id }, "a record of the event queue is not an event");
      failed.add(record.id);
    }
  }
  for (const incoming of byInstance.values()) incoming.sort((a, b) => a.event.seq - b.event.seq);
  return byInstance;
}

/** Attempts the deliveries of healthy endpoints before it stores them, and stores the others first. */
async function deliver(deps: DeliverDeps, prepared: readonly Prepared[], batch: Batch): Promise<void> {
  const work: Promise<void>[] = [];
  const others: Prepared[] = [];
  for (const deliveries of Map.groupBy(prepared, ({ endpoint }) => endpoint).values()) {
    if (isDirect(deps, deliveries)) work.push(deliverDirectly(deps, deliveries, batch));
    else others.push(...deliveries);
  }
  if (others.length > 0) work.push(deliverStored(deps, others, batch));
  await Promise.all(work);
}
