import type { EventType } from "../../event/catalog/index.ts";
import type { Dialect } from "../../instance/instance.sql.ts";

/** What the Multi-Instance API calls the events that it tells of. */
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

/** The `event` of the bodies that an instance of this dialect gets for events of this type. */
export function eventName(dialect: Dialect, type: string): string {
  return (dialect === "multi-instance" && multiInstanceNames[type as EventType]) || type;
}

/** The types that are meant by a name, in either dialect's spelling. */
export function typesNamed(name: string): string[] {
  const types = Object.entries(multiInstanceNames).flatMap(([type, known]) => (known === name ? [type] : []));
  return types.length > 0 ? types : [name];
}
