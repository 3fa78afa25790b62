import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import {
  type ReceivedRequest,
  startWebhookReceiver,
  type WebhookReceiver,
} from "../../../support/network/webhook-receiver.ts";

/** How an endpoint answers. */
export type Answer = "accepts" | "fails" | "hangs" | "redirects";

export interface WebhookBody {
  event: string;
  eventId: string;
  data: { messageId?: string; body?: string };
}

/** A request that an endpoint got, and the status of its answer; 0 if it got none. The time is of this process. */
export interface EndpointRequest {
  eventId: string;
  bodyHash: string;
  at: number;
  status: number;
}

/** The webhook endpoints of the instances: one server, a path for each. */
export class Endpoints {
  readonly requests: EndpointRequest[] = [];
  readonly #receiver: WebhookReceiver;
  readonly #answers = new Map<number, Answer>();
  readonly #hanging = new Map<number, Set<ServerResponse>>();
  readonly #listeners: ((body: WebhookBody) => void)[] = [];

  static async start(): Promise<Endpoints> {
    return new Endpoints(await startWebhookReceiver(200, { keep: false }));
  }

  private constructor(receiver: WebhookReceiver) {
    this.#receiver = receiver;
    receiver.answer((request, response) => this.#answer(request, response));
  }

  urlOf(instance: number): string {
    return `${this.#receiver.url}/${instance}`;
  }

  /** Calls the listener with the body of each request that an endpoint accepts. */
  onAccepted(listener: (body: WebhookBody) => void): void {
    this.#listeners.push(listener);
  }

  answer(instance: number, answer: Answer): void {
    this.#answers.set(instance, answer);
    if (answer === "hangs") return;
    for (const response of this.#hanging.get(instance) ?? []) response.destroy();
    this.#hanging.delete(instance);
  }

  stop(): Promise<void> {
    return this.#receiver.stop();
  }

  #answer({ path, body }: ReceivedRequest, response: ServerResponse): void {
    const instance = Number(path.split("/").at(-1));
    const how = this.#answers.get(instance) ?? "accepts";
    const parsed = JSON.parse(body) as WebhookBody;
    const bodyHash = createHash("sha1").update(body).digest("base64");
    const status = { accepts: 200, fails: 503, hangs: 0, redirects: 302 }[how];
    this.requests.push({ eventId: parsed.eventId, bodyHash, at: Date.now(), status });
    if (how === "accepts") for (const listener of this.#listeners) listener(parsed);
    if (how === "hangs") {
      const hanging = this.#hanging.get(instance) ?? new Set();
      this.#hanging.set(instance, hanging.add(response));
      return;
    }
    response.writeHead(status, how === "redirects" ? { location: this.urlOf(instance + 1) } : {}).end("ok");
  }
}
