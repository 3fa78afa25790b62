import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import type { ProcessName, World } from "./world.ts";

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/**
 * A REST client that repeats a request until it is accepted, as a careful caller does. The API processes get some requests
 * in a row, in turn. After an error, the next process gets the requests.
 */
export class Rest {
  readonly #world: World;
  readonly #inARow: number;
  readonly #only: ProcessName | undefined;
  #turn = 0;
  readonly #http = new Agent({ connections: 32, pipelining: 1, headersTimeout: 40_000 });

  /** `inARow`: number of requests in a row that one API process gets. `only`: the process that gets all requests. */
  constructor(world: World, { inARow = 8, only }: { inARow?: number; only?: ProcessName } = {}) {
    this.#only = only;
    this.#world = world;
    this.#inARow = inARow;
  }

  async once(method: "GET" | "POST" | "DELETE" | "PUT", path: string, body?: unknown, key?: string): Promise<Answer> {
    const answer = await request(new URL(path, this.#url()), {
      dispatcher: this.#http,
      method,
      headers: {
        "x-api-key": this.#world.apiKey,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(key === undefined ? {} : { "idempotency-key": key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, body: text.startsWith("{") ? JSON.parse(text) : { text } };
  }

  /** Repeats a request until its status is below 300 or `final` accepts it. Throws after `timeoutMs`. */
  async repeat(
    method: "GET" | "POST" | "DELETE" | "PUT",
    path: string,
    options: { body?: unknown; key?: string; timeoutMs?: number; final?: (answer: Answer) => boolean } = {},
  ): Promise<Answer> {
    const end = performance.now() + (options.timeoutMs ?? 180_000);
    const final = options.final ?? (({ status }) => status >= 200 && status < 300);
    for (;;) {
      const answer = await this.once(method, path, options.body, options.key).catch((error: unknown) => ({
        status: 0,
        body: { error: String(error) },
      }));
      if (final(answer)) return answer;
      this.#turn += this.#inARow;
      if (performance.now() > end)
        throw new Error(`${method} ${path} was not accepted: ${answer.status} ${JSON.stringify(answer.body)}`);
      await sleep(200);
    }
  }

  /** Returns the URL of each API process in turn. */
  #url(): string {
    const { apiUrls } = this.#world;
    const urls = this.#only ? [apiUrls.get(this.#only)] : [...apiUrls.values()];
    const url = urls[Math.floor(this.#turn++ / this.#inARow) % urls.length];
    if (url === undefined) throw new Error("no API has started yet");
    return url;
  }

  close(): Promise<void> {
    return this.#http.close();
  }
}
