import type { EventRow } from "../../core/event/append.ts";

const isReceipt = ({ type }: EventRow) =>
  type === "message.delivered" || type === "message.read" || type === "message.played";

/** Identifies a message of the account. Null for an event that isn't about one. */
function keyOf(event: EventRow): string | null {
  if (event.type !== "message.sent" && !isReceipt(event)) return null;
  return `${event.instanceId} ${(event.data as { messageId: string }).messageId}`;
}

/**
 * Returns the events of a batch in the order in which they are announced: the order of their changes, but the receipts
 * of a message come after the message. WhatsApp may send a receipt ahead of a message that the owner wrote on the phone.
 */
export function inAnnouncedOrder(events: readonly EventRow[]): EventRow[] {
  const sentAt = new Map(
    events.flatMap((event, index) => (event.type === "message.sent" ? [[keyOf(event), index]] : [])),
  );
  const early = new Map<number, EventRow[]>();
  const inPlace = events.map((event, index) => {
    const sent = isReceipt(event) ? sentAt.get(keyOf(event)) : undefined;
    if (sent === undefined || sent < index) return event;
    early.set(sent, [...(early.get(sent) ?? []), event]);
    return undefined;
  });
  return inPlace.flatMap((event, index) => (event ? [event, ...(early.get(index) ?? [])] : []));
}
