import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import type { World } from "./world.ts";

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** A REST client that repeats a request until it is accepted, as a careful caller does. */
export class Rest {
  readonly #world: World;
  readonly #http = new Agent({ connections: 32, pipelining: 1, headersTimeout: 40_000 });

  constructor(world: World) {
    this.#world = world;
  }

  async once(method: "GET" | "POST" | "DELETE" | "PUT", path: string, body?: unknown, key?: string): Promise<Answer> {
    const answer = await request(new URL(path, this.#world.apiUrl), {
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
      if (performance.now() > end)
        throw new Error(`${method} ${path} was not accepted: ${answer.status} ${JSON.stringify(answer.body)}`);
      await sleep(200);
    }
  }

  close(): Promise<void> {
    return this.#http.close();
  }
}
