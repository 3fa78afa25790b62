import { until } from "../until.ts";

/** A message of a stream of Server-Sent Events. */
export interface StreamMessage {
  event: string;
  id: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  data: any;
}

export interface EventStream {
  readonly status: number;
  readonly headers: Headers;
  /** The body of a response that is not a stream. */
  readonly error: unknown;
  readonly messages: StreamMessage[];
  /** The last id that was received, with a message or without. */
  readonly lastId: string;
  readonly ended: boolean;
  /** Returns the messages of a type once there are `count`. */
  wait(count: number, event?: string, timeoutMs?: number): Promise<StreamMessage[]>;
  close(): void;
}

/** Opens a stream of Server-Sent Events and parses it as https://html.spec.whatwg.org/#parsing-an-event-stream says. */
export async function openStream(
  url: string | URL,
  options: { key?: string; headers?: Record<string, string> } = {},
): Promise<EventStream> {
  const abort = new AbortController();
  const response = await fetch(url, {
    headers: { ...(options.key && { "x-api-key": options.key }), ...options.headers },
    signal: abort.signal,
  });
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  const stream = {
    status: response.status,
    headers: response.headers,
    error: isStream ? undefined : ((await response.json()) as unknown),
    messages: [] as StreamMessage[],
    lastId: "",
    ended: !isStream,
    wait: async (count: number, event = "message", timeoutMs = 30_000) => {
      const found = () => stream.messages.filter((message) => message.event === event);
      return await until(async () => (found().length >= count ? found() : undefined), timeoutMs).catch(() => {
        throw new Error(`${found().length} instead of ${count} messages: ${JSON.stringify(stream.messages.slice(-5))}`);
      });
    },
    close: () => abort.abort(),
  };
  if (isStream && response.body) void consume(response.body, stream);
  return stream;
}

async function consume(
  body: ReadableStream<Uint8Array>,
  stream: { messages: StreamMessage[]; lastId: string; ended: boolean },
): Promise<void> {
  let rest = "";
  try {
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + text).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const fields = block.split("\n").flatMap((line) => {
          const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
          return name === undefined ? [] : [[name, value ?? ""] as const];
        });
        const { id, event = "message", data } = Object.fromEntries(fields) as Record<string, string | undefined>;
        if (id !== undefined) stream.lastId = id;
        if (data !== undefined) stream.messages.push({ event, id: stream.lastId, data: JSON.parse(data) });
      }
    }
  } catch {
    // The test closed the stream, or the connection broke.
  }
  stream.ended = true;
}
