import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { png } from "../../../support/media/png.ts";
import type { Accepted, Inbound } from "../record/record.ts";
import type { Account } from "./accounts.ts";
import { QueueCaller } from "./queue-caller.ts";
import type { Answer, Rest } from "./rest.ts";
import type { World } from "./world.ts";

/** Messages of one instance in one direction that may be under way at once. */
const window = 40;
/** Of the messages in a direction, every n-th has a file or is sent over SQS, or a query, a scheduled text or a bulk follows. */
export interface Mix {
  file: number;
  queue: number;
  query: number;
  schedule: number;
  bulk: number;
}
const usualMix: Mix = { file: 97, queue: 9, query: 61, schedule: 43, bulk: 53 };
/** When a scheduled text is due, in milliseconds from now. */
const scheduleMs = 8_000;
/** A direction of an instance without progress for this long gives up, in milliseconds. */
const stallMs = 240_000;

/** A direction of one instance. */
interface Lane {
  account: Account;
  direction: "in" | "out";
  underWay: Set<string>;
  progressAt: number;
  /** The number of the next message. */
  next: number;
}

const isTurn = (index: number, every: number) => index % every === every - 1;

/** Sends messages in both directions of all instances, and records what was sent. */
export class Traffic {
  readonly inbound: Inbound[] = [];
  readonly accepted: Accepted[] = [];
  readonly problems: string[] = [];
  readonly queue: QueueCaller;
  readonly #world: World;
  readonly #rest: Rest;
  readonly #lanes: Lane[];
  readonly #lanesByMessage = new Map<string, Lane>();
  readonly #arrived = new Set<string>();
  #waiting: { count: number; resolve: () => void }[] = [];
  #ended = false;
  /** Requests that the other messages don't wait for: queries, scheduled texts and bulks. */
  readonly #aside: Promise<unknown>[] = [];
  readonly #run: string;
  readonly #mix: Mix;
  sent = 0;
  /** No message is sent while this many were sent. */
  limit = Number.POSITIVE_INFINITY;

  private constructor(
    world: World,
    rest: Rest,
    accounts: readonly Account[],
    queue: QueueCaller,
    run: string,
    mix: Mix,
  ) {
    this.#mix = mix;
    this.#world = world;
    this.#rest = rest;
    this.queue = queue;
    this.#run = run;
    this.#lanes = accounts.flatMap((account) =>
      (["in", "out"] as const).map((direction) => ({
        account,
        direction,
        underWay: new Set<string>(),
        progressAt: 0,
        next: 0,
      })),
    );
    for (const { peers } of accounts) for (const peer of peers) peer.onMessage(({ id }) => this.#arrive(id));
    world.endpoints.onAccepted(({ event, data }) => {
      if (event === "message_received" && data.messageId) this.#arrive(data.messageId);
    });
  }

  static async start(
    world: World,
    rest: Rest,
    accounts: readonly Account[],
    run: string,
    mix = usualMix,
  ): Promise<Traffic> {
    return new Traffic(world, rest, accounts, await QueueCaller.start(world), run, mix);
  }

  /** Returns the messages of these instances that have been sent or accepted, but have not arrived. */
  underWay(instances: readonly string[]): string[] {
    return this.#lanes.flatMap(({ account, underWay }) => (instances.includes(account.id) ? [...underWay] : []));
  }

  hasArrived(id: string): boolean {
    return !this.#lanesByMessage.has(id);
  }

  /** Resolves when `count` messages were sent, or the traffic has ended. */
  reached(count: number): Promise<void> {
    if (this.sent >= count || this.#ended) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push({ count, resolve }));
  }

  /** Sends `count` messages, half of them in each direction, and waits until each was sent or accepted. */
  async send(count: number): Promise<void> {
    const share = Math.ceil(count / this.#lanes.length);
    await Promise.all(this.#lanes.map((lane) => this.#sendLane(lane, share)));
    this.#ended = true;
    this.#wake();
    await Promise.all(this.#aside);
  }

  /** Sends messages at a constant pace, in all directions in turn. A direction with too many messages under way is skipped. */
  async sendAtPace(perSecond: number, forMs: number): Promise<void> {
    const started = performance.now();
    const sending = new Set<Promise<void>>();
    for (let turn = 0; performance.now() - started < forMs; turn++) {
      const lane = this.#lanes[turn % this.#lanes.length];
      if (lane && lane.underWay.size < window && sending.size < window) {
        const done: Promise<void> = this.#sendOne(lane, lane.next++).finally(() => sending.delete(done));
        sending.add(done);
      }
      await sleep(Math.max(1, started + ((turn + 1) * 1000) / perSecond - performance.now()));
    }
    await Promise.all([...sending, ...this.#aside]);
  }

  async #sendOne(lane: Lane, index: number): Promise<void> {
    try {
      if (lane.direction === "in") await this.#sendIn(lane, index);
      else await this.#sendOut(lane, index);
      this.sent++;
    } catch (error) {
      this.problems.push(`${lane.direction} of instance ${lane.account.index}: ${error}`);
    }
  }

  #wake(): void {
    const over = ({ count }: { count: number }) => this.#ended || this.sent >= count;
    for (const { resolve } of this.#waiting.filter(over)) resolve();
    this.#waiting = this.#waiting.filter((one) => !over(one));
  }

  async #sendLane(lane: Lane, count: number): Promise<void> {
    const end = lane.next + count;
    const caller = async () => {
      while (lane.next < end) {
        const index = lane.next++;
        await this.#turn(lane);
        if (lane.direction === "in") await this.#sendIn(lane, index);
        else await this.#sendOut(lane, index);
        this.sent++;
        this.#wake();
      }
    };
    try {
      await Promise.all(lane.direction === "in" ? [caller()] : [caller(), caller(), caller()]);
    } catch (error) {
      this.problems.push(`${lane.direction} of instance ${lane.account.index}: ${error}`);
    }
  }

  /** Waits until the lane may send another message. */
  async #turn(lane: Lane): Promise<void> {
    lane.progressAt ||= performance.now();
    while (lane.underWay.size >= window || this.sent >= this.limit) {
      if (this.sent >= this.limit) lane.progressAt = performance.now();
      if (performance.now() - lane.progressAt > stallMs) throw new Error(`no progress for ${stallMs / 1000} s`);
      await sleep(20);
    }
  }

  async #sendIn(lane: Lane, index: number): Promise<void> {
    const { account } = lane;
    const peer = account.peers[index % account.peers.length];
    if (!peer) return;
    const text = `in ${this.#run} ${account.index} ${index}`;
    const media = isTurn(index, this.#mix.file);
    const at = this.#world.now();
    const options = { caption: text, mimetype: "image/png" };
    const sent = media
      ? await peer.sendImage(account.owner.number, png(16), options)
      : await peer.sendText(account.owner.number, text);
    this.#track(lane, sent.id);
    this.inbound.push({ instance: account.id, messageId: sent.id, text, at, media });
    // Phones and this process share a thread.
    await new Promise(setImmediate);
  }

  async #sendOut(lane: Lane, index: number): Promise<void> {
    const { account } = lane;
    const peer = account.peers[index % account.peers.length];
    if (!peer) return;
    const text = `out ${this.#run} ${account.index} ${index}`;
    const key = randomUUID();
    const overQueue = isTurn(index, this.#mix.queue);
    const messageId = overQueue
      ? await this.queue.sendText(key, account.id, peer.number, text)
      : isTurn(index, this.#mix.file)
        ? await this.#sendFile(account.id, peer.number, text, key)
        : await this.#sendText(account.id, peer.number, text, key);
    const at = this.#world.now();
    this.#track(lane, messageId);
    const requestId = overQueue ? key : null;
    this.accepted.push({ instance: account.id, messageId, text, to: peer.number, at, requestId });
    if (isTurn(index, this.#mix.query)) {
      // A query may fail. Whether each has an end is in the table of commands.
      const path = `/api/whatsapp/${account.id}/check/${peer.number}`;
      this.#aside.push(this.#rest.once("GET", path).catch(() => undefined));
    }
    if (isTurn(index, this.#mix.schedule)) this.#besides(this.#schedule(account, peer.number, `${text} later`));
    if (isTurn(index, this.#mix.bulk)) this.#besides(this.#sendBulk(account, text));
  }

  /** Doesn't wait for this work, but records when it fails. */
  #besides(work: Promise<void>): void {
    this.#aside.push(work.catch((error: unknown) => void this.problems.push(String(error))));
  }

  async #schedule({ id }: Account, phone: string, message: string): Promise<void> {
    for (;;) {
      const dueAt = this.#world.now() + scheduleMs;
      const body = { phone, message, sendAt: new Date(dueAt).toISOString() };
      // A time that has passed during an outage is refused, unless the request was accepted before.
      const final = ({ status }: Answer) => (status >= 200 && status < 300) || status === 400;
      const { status, body: answer } = await this.#rest.repeat("POST", `/api/whatsapp/${id}/send`, {
        body,
        key: randomUUID(),
        final,
      });
      if (status === 400) continue;
      const messageId = String(answer.id);
      this.accepted.push({ instance: id, messageId, text: message, to: phone, at: dueAt, requestId: null });
      return;
    }
  }

  async #sendBulk({ id, peers }: Account, text: string): Promise<void> {
    const recipients = peers.map(({ number }, place) => ({ phone: number, message: `${text} bulk ${place}` }));
    const body = { recipients, perMinute: 6_000 };
    await this.#rest.repeat("POST", `/api/whatsapp/${id}/bulk`, { body, key: randomUUID() });
    const at = this.#world.now();
    for (const { phone, message } of recipients)
      this.accepted.push({ instance: id, messageId: null, text: message, to: phone, at, requestId: null });
  }

  async #sendFile(instance: string, phone: string, caption: string, key: string): Promise<string> {
    const body = { phone, url: this.#world.files.url("/picture.png"), caption };
    const answer = await this.#rest.repeat("POST", `/api/whatsapp/${instance}/send-media`, { body, key });
    return String(answer.body.id);
  }

  async #sendText(instance: string, phone: string, message: string, key: string): Promise<string> {
    const { body } = await this.#rest.repeat("POST", `/api/whatsapp/${instance}/send`, {
      body: { phone, message },
      key,
    });
    return String(body.id);
  }

  #track(lane: Lane, id: string): void {
    if (this.#arrived.delete(id)) return;
    lane.underWay.add(id);
    this.#lanesByMessage.set(id, lane);
  }

  #arrive(id: string): void {
    const lane = this.#lanesByMessage.get(id);
    if (!lane) {
      this.#arrived.add(id);
      return;
    }
    this.#lanesByMessage.delete(id);
    lane.underWay.delete(id);
    lane.progressAt = performance.now();
  }
}
