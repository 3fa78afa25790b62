import type { AppendedEvent } from "../../core/event/append.ts";
import { outboxLanes } from "../../core/event/event.sql.ts";
import { Poller } from "../concurrency/poller.ts";
import { Lane, type RelayDeps } from "./lane.ts";

/**
 * Sends the events of a shard from the log to the event queue, in order per instance, at least once. Instances are
 * spread over lanes. Each lane reads and sends its own events, so a lane that can't send does not delay the others. An
 * event that the queue never accepts is parked: it leaves the outbox, stays in the log, and is reported.
 */
export class EventRelay {
  readonly #lanes: readonly { lane: Lane; poller: Poller }[];

  constructor(deps: RelayDeps) {
    const { log, lease } = deps;
    this.#lanes = Array.from({ length: outboxLanes }, (_, index) => {
      const lane = new Lane(deps, index);
      const onError = (error: unknown) =>
        log.warn({ err: error, shard: lease.grant.shard, lane: index }, "events could not be sent and stay in the log");
      return { lane, poller: new Poller(() => lane.run(), { name: "events", active: () => lease.held, onError }) };
    });
  }

  start(): void {
    for (const { poller } of this.#lanes) poller.start();
  }

  /**
   * Sends the events of a commit, in their order. They may come before or after events that other processes append.
   * `inDoubt`: the log may have events of the commit that are not among these.
   */
  publish(events: readonly AppendedEvent[], inDoubt: boolean): void {
    if (inDoubt) {
      this.nudge();
      return;
    }
    const byLane = Map.groupBy(events, ({ instanceId }) => laneOf(instanceId));
    for (const [index, own] of byLane) {
      const at = this.#lanes[index];
      at?.lane.add(own);
      at?.poller.nudge();
    }
  }

  /** Announces that the log has new events. */
  nudge(): void {
    for (const { lane, poller } of this.#lanes) {
      lane.readNext();
      poller.nudge();
    }
  }

  /** Returns the position of each lane up to which all events have left the outbox, as far as this host knows. */
  get positions(): number[] {
    return this.#lanes.map(({ lane }) => lane.position);
  }

  /** Sends the events that are in the log, records what was sent, then ends. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#lanes.map(async ({ lane, poller }) => {
        lane.readNext();
        await poller.stop();
        await lane.flush().catch(() => undefined);
      }),
    );
  }
}

/** The lane of an instance: the same as `outboxLane` in SQL. */
const laneOf = (instanceId: string): number => Number.parseInt(instanceId.slice(-2), 16) % outboxLanes;
