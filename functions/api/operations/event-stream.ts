import type * as z from "zod";
import { AppError } from "../../../core/error.ts";
import { type LoggedEvent, type LogPage, readLog } from "../../../core/event/log.ts";
import type { publicEvent } from "../../../core/event-sink/envelope.ts";
import { parseCursor } from "../../../core/event-stream/cursor.ts";
import type { EventFilter, StreamRequest } from "../../../core/event-stream/live.ts";
import { readPage, type Start } from "../../../core/event-stream/read.ts";
import type { Batch, EventSession } from "../../../core/event-stream/session.ts";
import { loadInstance } from "../../../core/instance/store.ts";
import { once } from "../../../core/once.ts";
import { type CallerContext, type InstanceContext, RawResponse } from "../engine/context.ts";
import { type EventFormat, streamComment } from "../shape/live-event.ts";

/** What a request for live events asks for. */
export interface EventRequest {
  filter: EventFilter;
  /** Ids of instances; undefined means all instances of the caller. Ignored for the stream of one instance. */
  instances?: readonly string[] | undefined;
  /** The place to continue from: a sequence number for one instance, otherwise a cursor. */
  since?: string | undefined;
  /** Default: `event`. */
  format?: EventFormat | undefined;
}

/** Time between two signs of life without events, in milliseconds. Proxies close connections that are silent for longer. */
const heartbeatMs = 15_000;
/** How long a client may leave data unread, in milliseconds, and then how long it has to read why its stream ended. */
const unreadMs = 30_000;
const graceMs = 15_000;
/** Clients reconnect after this time, in milliseconds. */
const retryMs = 2_000;
/** Lambda stops a function at its timeout, so a stream ends this much earlier. */
const marginMs = 5_000;

/** Most streams don't need the bodies of webhooks. */
const loadBodies = once(() => import("../../../core/webhook/delivery/live-body.ts"));

type StreamContext = CallerContext & Partial<InstanceContext>;

const streamHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  // Without this header, nginx keeps events back to fill its buffers.
  "x-accel-buffering": "no",
};

/** Streams events as Server-Sent Events. A `HEAD` request opens no stream, because nobody would read or cancel it. */
export async function streamEvents(context: StreamContext, request: EventRequest): Promise<RawResponse> {
  const { streaming, lastEventId, bodiless } = context;
  if (!streaming) throw new AppError("not_supported", "this address can't stream: use the list of events with `wait`");
  const since = lastEventId || request.since;
  const wanted = await streamOf(context, { ...request, since });
  if (bodiless) return new RawResponse(null, streamHeaders);
  const opened = await (await context.deps.live()).open({ ...wanted, lasting: true });
  const formatted = formatter(context, request);
  return new RawResponse(serverSentEvents(opened, streaming.remainingMs, formatted), streamHeaders);
}

/** Returns the events of a batch as JSON, each with its place. Events that have no body in the format are left out. */
type Formatter = (events: Batch["events"]) => Promise<{ id: string; body: string }[]>;

function formatter({ deps }: StreamContext, { format = "event", filter }: EventRequest): Formatter {
  if (format === "event") return async (events) => events;
  const { config } = deps;
  const links = { ...deps, publicUrl: config.WEBHOOK_FILES_URL ?? config.PUBLIC_URL };
  return async (events) => {
    const { liveBody } = await loadBodies();
    const bodies: { id: string; body: string }[] = [];
    for (const { id, row } of events) {
      const dialect = format === "webhook" ? row.dialect : format;
      const body = await liveBody(links, row, { dialect, chosen: filter.types !== undefined });
      if (body !== null) bodies.push({ id, body });
    }
    return bodies;
  };
}

/** Returns a page of an instance's log, in another format with the webhook bodies of its events. */
export async function listEvents(
  context: InstanceContext,
  { since, limit, waitMs, ...request }: Omit<EventRequest, "since"> & { since: number; limit: number; waitMs: number },
): Promise<LogPage & { metadata: Record<string, string> | undefined; webhooks?: Map<string, unknown> }> {
  const page = await listLogged(context, { since, limit, waitMs, filter: request.filter });
  if (!request.format || request.format === "event") return page;
  return { ...page, webhooks: await webhooksOf(context, page.events, request) };
}

/** Returns the webhook bodies of events in a list, by event id. */
async function webhooksOf(context: InstanceContext, events: readonly LoggedEvent[], request: EventRequest) {
  const { deps, instance } = context;
  const format = formatter(context, request);
  const found = new Map<string, unknown>();
  for (let from = 0; from < events.length; ) {
    const ranges = events.slice(from).map(({ sequence }) => ({ id: instance.id, after: sequence - 1, upTo: sequence }));
    const { rows } = await readPage(deps.db, ranges, ranges.length);
    for (const { id, body } of await format(rows.map((row) => ({ id: row.id, body: "", row }))))
      found.set(id, JSON.parse(body));
    // The rest of a page that was too large, or that was deleted meanwhile.
    from = Math.max(from + 1, rows.length === ranges.length ? events.length : from + rows.length);
  }
  return found;
}

/** Returns a page of the log. If it is empty, waits for the first event. */
async function listLogged(
  context: InstanceContext,
  { filter, since, limit, waitMs }: { filter: EventFilter; since: number; limit: number; waitMs: number },
): Promise<LogPage & { metadata: Record<string, string> | undefined }> {
  const { deps, instance } = context;
  const { types, chats, from } = filter;
  const read = (after: number) =>
    readLog(deps.db, instance.id, {
      since: after,
      limit,
      from,
      types: types && [...types],
      chats: chats && [...chats],
    });
  const metadata = instance.metadata ?? undefined;
  const page = { ...(await read(since)), metadata };
  if (page.events.length > 0 || page.hasMore || waitMs === 0) return page;
  const { events } = await nextEvents(context, { filter, since: String(page.nextSince) }, waitMs);
  return events.length > 0 ? { ...(await read(page.nextSince)), metadata } : page;
}

/** Returns the events of several instances after a place, or none after `waitMs`. */
export async function pollEvents(
  context: CallerContext,
  { waitMs, ...request }: EventRequest & { waitMs: number },
): Promise<{ events: PublicEvent[] | Record<string, unknown>[]; nextSince: string }> {
  const { events, id } = await nextEvents(context, request, waitMs);
  // Only while a transaction of the database that began before the request is still open.
  if (id === undefined) throw new AppError("unavailable", "the place in the events is not known yet; try again");
  const formatted = await formatter(context, request)(events);
  return { events: formatted.map(({ body }) => JSON.parse(body) as PublicEvent), nextSince: id };
}

type PublicEvent = z.output<ReturnType<typeof publicEvent>>;

async function nextEvents(context: StreamContext, request: EventRequest, waitMs: number): Promise<Batch> {
  const { session, close } = await (await context.deps.live()).open({
    ...(await streamOf(context, request)),
    lasting: false,
  });
  try {
    const batch = await session.next(waitMs);
    if (batch.ended?.error) throw batch.ended.error;
    return batch;
  } finally {
    close();
  }
}

async function streamOf(context: StreamContext, request: EventRequest): Promise<Omit<StreamRequest, "lasting">> {
  const { caller, ip, instance, deps } = context;
  const start = startOf(request, instance !== undefined);
  const keptDays = deps.config.RETENTION_EVENTS_DAYS;
  const common = { caller, ip, vault: deps.vault, start, keptDays, filter: request.filter };
  if (instance) return { ...common, single: true, scope: { userIds: [], instanceIds: [instance.id] } };
  // Throws for instances that the caller may not see.
  for (const id of request.instances ?? []) await loadInstance(deps.db, caller, id);
  const scope = request.instances
    ? { userIds: [], instanceIds: request.instances }
    : { userIds: [caller.userId], instanceIds: [] };
  return { ...common, single: false, scope };
}

function startOf({ since, filter }: EventRequest, single: boolean): Start {
  if (since === undefined) return filter.from ? { kind: "time", from: filter.from } : { kind: "now" };
  if (!single) return { kind: "position", ...parseCursor(since) };
  if (!/^\d{1,15}$/.test(since)) {
    throw new AppError("invalid_request", "the id of the last event must be a sequence number");
  }
  return { kind: "sequence", since: Number(since) };
}

function serverSentEvents(
  { session, close }: { session: EventSession; close(): void },
  remainingMs: number,
  format: Formatter,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let stalled: NodeJS.Timeout | undefined;
  const timeLimit = Number.isFinite(remainingMs)
    ? setTimeout(() => session.end({ reason: "time_limit" }), Math.max(0, remainingMs - marginMs))
    : undefined;
  let finished = false;
  // The first batch tells the place where the stream begins.
  let waitMs = 0;
  const finish = () => {
    finished = true;
    clearTimeout(stalled);
    clearTimeout(timeLimit);
    close();
  };
  const expectRead = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    stalled = setTimeout(() => {
      finish();
      controller.enqueue(encoder.encode(message("closing", { reason: "slow_reader" })));
      controller.close();
      setTimeout(() => controller.error(new Error("the client did not read its events")), graceMs).unref();
    }, unreadMs);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const missing = session.missing ? message("missing", session.missing) : "";
        controller.enqueue(encoder.encode(`retry: ${retryMs}\n\n${missing}`));
        // Not every response is read: the server may drop the body, or the client may be gone.
        expectRead(controller);
      },
      // Called only when the client has read what was sent before.
      async pull(controller) {
        clearTimeout(stalled);
        const batch = await nextText(session, waitMs, format).catch((error: unknown) => {
          // The client continues where it was when it connects again.
          finish();
          throw error;
        });
        if (finished) return;
        waitMs = heartbeatMs;
        controller.enqueue(encoder.encode(batch.text));
        if (batch.ended) {
          finish();
          controller.close();
          return;
        }
        expectRead(controller);
      },
      cancel: finish,
    },
    { highWaterMark: 1 },
  );
}

/** Waits for the next events, and returns them as text of the stream. */
async function nextText(session: EventSession, waitMs: number, format: Formatter) {
  const batch = await session.next(waitMs);
  return { text: textOf(batch, await format(batch.events)), ended: batch.ended !== undefined };
}

function textOf({ id, ended }: Batch, events: Awaited<ReturnType<Formatter>>): string {
  const place = id === undefined ? "" : `id: ${id}\n`;
  const messages = events.map(({ id: after, body }) => `id: ${after}\ndata: ${body}\n\n`).join("");
  if (!ended) return messages || `${place}: ${streamComment}\n\n`;
  const { reason, error } = ended;
  return `${messages}${place}${message("closing", { reason, ...(error && { code: error.code }) })}`;
}

const message = (type: string, data: object) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
