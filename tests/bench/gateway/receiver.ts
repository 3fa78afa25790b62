import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Arrivals } from "../arrivals.ts";
import { now } from "../clock.ts";

interface Webhook {
  event: string;
  eventId: string;
  data: { body?: string; status?: string; messageId?: string };
}

/** Takes webhooks as fast as it can, and counts each event once. */
export class Receiver {
  readonly url: string;
  readonly #server: ReturnType<typeof createServer>;
  readonly #arrivals: Arrivals;
  readonly #known = new Set<string>();
  readonly #counts = new Map<string, number>();
  /** Deliveries beyond the first of an event. At-least-once delivery allows them. */
  repeated = 0;
  failed = 0;
  lastAt = now();

  static async start(arrivals: Arrivals): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Receiver(server, arrivals);
  }

  private constructor(server: ReturnType<typeof createServer>, arrivals: Arrivals) {
    this.#server = server;
    this.#arrivals = arrivals;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`;
    server.on("request", async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const at = now();
      response.writeHead(200).end();
      this.#take(JSON.parse(Buffer.concat(chunks).toString()) as Webhook, at);
    });
  }

  /** How many events of a kind have come: `message_received`, `message_sent`, `delivered`. */
  count(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  #take({ event, eventId, data }: Webhook, at: number): void {
    this.lastAt = at;
    if (event === "message_received" && data.body !== undefined) this.#arrivals.see(data.body, at);
    if (this.#known.has(eventId)) {
      this.repeated++;
      return;
    }
    this.#known.add(eventId);
    const kind = event === "message_status" ? (data.status ?? "") : event;
    if (kind === "failed") this.failed++;
    this.#counts.set(kind, this.count(kind) + 1);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
