import type { WebhookEvent } from "../body/event.ts";
import { bodyOf, isEnabled } from "../body/index.ts";
import { isSelected } from "../body/selection.ts";
import type { WebhookDeps } from "./batch.ts";
import { deliveryIdOf } from "./delivery-id.ts";
import { type BrokenEndpoint, type Endpoint, hasUrl, isBroken } from "./endpoint.ts";
import { linkTo } from "./event-link.ts";

/** A record of the event queue. */
export interface EventRecord {
  id: string;
  body: string;
  /** Whether the queue has delivered the record before. A worker that died may have attempted its deliveries. */
  again?: boolean;
}

/** A record of the event queue with the event that it contains. */
export type Incoming = { record: EventRecord; event: WebhookEvent };

/** A delivery that is not stored yet. */
export interface Prepared {
  id: string;
  /**
   * Whether the delivery must be stored before its attempt: an earlier worker may have attempted it, or its body has a link,
   * which differs each time the body is built.
   */
  storeFirst: boolean;
  event: WebhookEvent;
  body: string;
  endpoint: (Endpoint | BrokenEndpoint) & { url: string };
}

/**
 * Builds the body of each event once, and a delivery for each endpoint that gets the event. Records fail if no endpoint
 * of the instance can be used, or if a body can't be built. `delivered` has the ids of the events with deliveries.
 */
export async function prepare(
  deps: WebhookDeps,
  endpoints: readonly (Endpoint | BrokenEndpoint)[],
  incoming: readonly Incoming[],
  delivered: ReadonlySet<string>,
  fail: (incoming: readonly Incoming[]) => void,
): Promise<Prepared[]> {
  const recipients = endpoints.filter(hasUrl);
  for (const one of recipients)
    if (isBroken(one)) deps.log.error({ err: one.error }, "can't deliver the webhooks of an endpoint");
  if (recipients.length > 0 && recipients.every(isBroken)) {
    fail(incoming);
    return [];
  }
  const prepared: Prepared[] = [];
  // After a crash, the relay may have put an event on the queue twice.
  const seen = new Set<string>();
  for (const [index, { event, record }] of incoming.entries()) {
    if (seen.has(event.id)) continue;
    seen.add(event.id);
    const chosen = recipients.filter((one) => isEnabled(event, one) && isSelected(event, one.dialect, one));
    const [context] = chosen;
    if (!context) continue;
    try {
      // A retry has the link of the first attempt, because the body of a delivery never changes.
      const link = await linkTo(deps, event);
      const body = bodyOf(event, context, link);
      if (body === null) continue;
      const storeFirst = record.again === true || delivered.has(event.id) || link !== null;
      for (const endpoint of chosen)
        prepared.push({ id: deliveryIdOf(event.id, endpoint.id), storeFirst, event, body, endpoint });
    } catch (error) {
      const { id: eventId, instanceId, correlationId } = event;
      deps.log.error({ err: error, correlationId, instanceId, eventId }, "can't build a webhook body");
      fail(incoming.slice(index));
      break;
    }
  }
  return prepared;
}
