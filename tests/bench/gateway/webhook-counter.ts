import { startWebhookReceiver, type WebhookReceiver } from "../../support/network/webhook-receiver.ts";
import type { Arrivals } from "../arrivals.ts";
import { now } from "../clock.ts";

interface Webhook {
  event: string;
  eventId: string;
  data: { body?: string; status?: string; messageId?: string };
}

/** Receives webhooks and counts each event once. */
export class WebhookCounter {
  readonly #receiver: WebhookReceiver;
  readonly #arrivals: Arrivals;
  readonly #known = new Set<string>();
  readonly #counts = new Map<string, number>();
  /** Deliveries after the first of an event, which at-least-once delivery allows. */
  repeated = 0;
  failed = 0;
  total = 0;
  lastAt = now();

  static async start(arrivals: Arrivals): Promise<WebhookCounter> {
    return new WebhookCounter(await startWebhookReceiver(200, { keep: false }), arrivals);
  }

  private constructor(receiver: WebhookReceiver, arrivals: Arrivals) {
    this.#receiver = receiver;
    this.#arrivals = arrivals;
    receiver.answer(({ body }, response) => {
      const at = now();
      response.writeHead(200).end();
      this.#take(JSON.parse(body) as Webhook, at);
    });
  }

  get url(): string {
    return this.#receiver.url;
  }

  /** Returns the number of events of a kind: `message_received`, `message_sent`, `delivered`. */
  count(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  #take({ event, eventId, data }: Webhook, at: number): void {
    this.lastAt = at;
    this.total++;
    if (event === "message_received" && data.body !== undefined) this.#arrivals.record(data.body, at);
    if (this.#known.has(eventId)) {
      this.repeated++;
      return;
    }
    this.#known.add(eventId);
    const kind = event === "message_status" ? (data.status ?? "") : event;
    if (kind === "failed") this.failed++;
    this.#counts.set(kind, this.count(kind) + 1);
  }

  stop(): Promise<void> {
    return this.#receiver.stop();
  }
}
