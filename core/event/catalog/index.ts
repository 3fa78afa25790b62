import * as z from "zod";
import * as about from "./about.ts";
import * as call from "./call.ts";
import * as chat from "./chat.ts";
import * as connection from "./connection.ts";
import * as erased from "./erased.ts";
import * as group from "./group.ts";
import * as history from "./history.ts";
import * as instance from "./instance.ts";
import * as message from "./message.ts";
import * as parked from "./parked.ts";
import * as response from "./response.ts";
import * as stanza from "./stanza.ts";
import * as status from "./status.ts";
import * as webhook from "./webhook.ts";

/** Every event, by type. */
export const eventCatalog = {
  [message.received.type]: message.received,
  [message.sent.type]: message.sent,
  [message.unreadable.type]: message.unreadable,
  [message.delivered.type]: message.delivered,
  [message.read.type]: message.read,
  [message.played.type]: message.played,
  [message.failed.type]: message.failed,
  [about.edited.type]: about.edited,
  [about.deleted.type]: about.deleted,
  [about.reacted.type]: about.reacted,
  [about.pinned.type]: about.pinned,
  [about.kept.type]: about.kept,
  [about.responded.type]: about.responded,
  [message.mediaStored.type]: message.mediaStored,
  [message.mediaFailed.type]: message.mediaFailed,
  [status.received.type]: status.received,
  [response.voted.type]: response.voted,
  [response.answered.type]: response.answered,
  [connection.open.type]: connection.open,
  [connection.close.type]: connection.close,
  [connection.update.type]: connection.update,
  [connection.problem.type]: connection.problem,
  [connection.qr.type]: connection.qr,
  [instance.restricted.type]: instance.restricted,
  [instance.unrestricted.type]: instance.unrestricted,
  [instance.paused.type]: instance.paused,
  [instance.resumed.type]: instance.resumed,
  [instance.updated.type]: instance.updated,
  [chat.update.type]: chat.update,
  [group.join.type]: group.join,
  [group.leave.type]: group.leave,
  [group.update.type]: group.update,
  [group.participantsUpdate.type]: group.participantsUpdate,
  [history.progress.type]: history.progress,
  [history.completed.type]: history.completed,
  [call.received.type]: call.received,
  [call.rejected.type]: call.rejected,
  [call.ended.type]: call.ended,
  [webhook.disabled.type]: webhook.disabled,
  [stanza.quarantined.type]: stanza.quarantined,
  [parked.parked.type]: parked.parked,
  [erased.erased.type]: erased.erased,
};

export type EventCatalog = typeof eventCatalog;
export type EventType = keyof EventCatalog;
export type EventData<Type extends EventType> = z.output<EventCatalog[Type]["data"]>;

/** An event that is about to be appended to the log. */
export type NewEvent = {
  [Type in EventType]: { type: Type; data: EventData<Type> };
}[EventType];

/** A message on the event queue. Its message group is the instance. */
export const eventEnvelope = z.object({
  v: z.literal(1),
  /** The same each time the event is sent. */
  id: z.uuid(),
  instanceId: z.uuid(),
  /** 1, 2, 3 … per instance, without gaps. */
  seq: z.number().int().positive(),
  type: z.enum(Object.keys(eventCatalog) as [EventType, ...EventType[]]),
  data: z.unknown(),
  correlationId: z.string().nullable(),
  at: z.iso.datetime(),
});

export type EventEnvelope = z.infer<typeof eventEnvelope>;
