import type { EventType } from "../../event/catalog/index.ts";
import type { Dialect } from "../../instance/instance.sql.ts";

/** The Multi-Instance API's names of events. */
const multiInstanceNames: Partial<Record<EventType, string>> = {
  "message.received": "message_received",
  "message.sent": "message_sent",
  "message.delivered": "message_status",
  "message.read": "message_status",
  "message.failed": "message_status",
  "poll.voted": "poll_voted",
  "event.answered": "event_answered",
  "connection.open": "connection_opened",
  "connection.close": "connection_closed",
  "connection.qr": "qr_received",
};

/** Returns the `event` field of the bodies that an instance of this dialect gets for this type of event. */
export function eventName(dialect: Dialect, type: string): string {
  return (dialect === "multi-instance" && multiInstanceNames[type as EventType]) || type;
}

/** Returns the event types that a name stands for, in either dialect. */
export function typesNamed(name: string): string[] {
  const types = Object.entries(multiInstanceNames).flatMap(([type, known]) => (known === name ? [type] : []));
  return types.length > 0 ? types : [name];
}
