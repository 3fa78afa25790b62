import type { EventType } from "../../event/catalog/index.ts";
import type { Dialect } from "../../instance/instance.sql.ts";

/** The names of events in the Multi-Instance API. The Gateway API uses the event types. */
const multiInstanceNames: Partial<Record<EventType, string>> = {
  "message.received": "message_received",
  "message.sent": "message_sent",
  "message.unreadable": "message_unreadable",
  "message.delivered": "message_status",
  "message.read": "message_status",
  "message.played": "message_played",
  "message.failed": "message_status",
  "message.edited": "message_edited",
  "message.deleted": "message_deleted",
  "message.reaction": "message_reaction",
  "message.pinned": "message_pinned",
  "message.kept": "message_kept",
  "media.stored": "media_stored",
  "media.failed": "media_failed",
  "message.response": "message_response",
  "poll.voted": "poll_voted",
  "event.answered": "event_answered",
  "instance.restricted": "instance_restricted",
  "instance.unrestricted": "instance_unrestricted",
  "instance.paused": "instance_paused",
  "instance.resumed": "instance_resumed",
  "instance.updated": "instance_updated",
  "chat.update": "chat_updated",
  "status.received": "status_received",
  "group.join": "group_joined",
  "group.leave": "group_left",
  "group.update": "group_updated",
  "group.participants.update": "group_participants_updated",
  "call.received": "call_received",
  "call.rejected": "call_rejected",
  "call.ended": "call_ended",
  "history.progress": "history_progress",
  "history.completed": "history_completed",
  "connection.open": "connection_opened",
  "connection.close": "connection_closed",
  "connection.problem": "connection_problem",
  "connection.qr": "qr_received",
};

/** The event names that the Gateway API documents, in its order. */
export const gatewayEvents = [
  "message.received",
  "message.sent",
  "message.failed",
  "message.read",
  "message.delivered",
  "connection.open",
  "connection.close",
  "connection.update",
  "group.join",
  "group.leave",
  "group.update",
  "group.participants.update",
  "call.received",
  "call.rejected",
] as const;

/** The types of the events whose webhooks the document of each API describes. */
export const documentedTypes: Readonly<Record<Dialect, readonly EventType[]>> = {
  gateway: gatewayEvents,
  "multi-instance": [
    "message.received",
    "message.sent",
    "message.delivered",
    "message.read",
    "message.failed",
    "connection.open",
    "connection.close",
    "connection.qr",
  ],
};

/** Whether the API of this dialect documents a webhook for events of this type. */
export const isDocumented = (dialect: Dialect, type: string) => documentedTypes[dialect].includes(type as EventType);

/** Returns the `event` field of the body that announces this type of event in this dialect. */
export function eventName(dialect: Dialect, type: string): string {
  return (dialect === "multi-instance" && multiInstanceNames[type as EventType]) || type;
}

/** Returns the event types that an event name of either dialect stands for. */
export function eventTypesOf(name: string): string[] {
  const types = Object.entries(multiInstanceNames).flatMap(([type, typeName]) => (typeName === name ? [type] : []));
  return types.length > 0 ? types : [name];
}
