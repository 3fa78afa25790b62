import type { HandedCommand, Holder } from "../../core/command/hand-over.ts";
import type { Logger } from "../../core/log.ts";
import type { Grant } from "../../core/shard/lease.ts";
import { type ClaimedCommand, fromHandOver, isConversion, isQuery } from "../command/claim/claimed-command.ts";
import type { Claimer } from "../command/claim/claimer.ts";
import type { Lease } from "../concurrency/lease.ts";
import { pause } from "../concurrency/pause.ts";

export interface DirectIntakeDeps {
  host: string;
  lease: Lease;
  claimer: Pick<Claimer, "adopt" | "find" | "isSettled" | "settle">;
  log: Logger;
  submit: (command: ClaimedCommand) => void;
  /**
   * Whether the session of an instance has room for one more command, besides those that it holds, that wait here and that
   * are `reserved`.
   */
  hasRoom: (instanceId: string, reserved: number) => boolean;
  /** How long to search for a command after its statement has settled, in milliseconds. Default: 35 s. */
  searchMs?: number;
}

const retryMs = 500;
/**
 * How long to search for a command whose statement returned no result, in milliseconds. Longer than the time limit of the
 * API's statements, because Postgres may still run the statement after the connection has broken.
 */
const defaultSearchMs = 35_000;

/**
 * Takes the commands of a shard that the API of this process claims for the shard's host. A command of the same instance
 * that an earlier claim took, and whose result has not arrived yet, runs before them. Claims for other instances delay nothing.
 */
export class DirectIntake implements Holder {
  readonly #deps: DirectIntakeDeps;
  readonly #stop = new AbortController();
  /** The commands of each instance that wait for earlier claims, in order. */
  readonly #waiting = new Map<string, ClaimedCommand[]>();
  /** When the search for a command ends, by its id. Infinite until its statement has settled. */
  readonly #searched = new Map<string, number>();
  #isSearching = false;

  constructor(deps: DirectIntakeDeps) {
    this.#deps = deps;
  }

  get host(): string {
    return this.#deps.host;
  }

  get grant(): Grant {
    return this.#deps.lease.grant;
  }

  get held(): boolean {
    return this.#deps.lease.held && !this.#stop.signal.aborted;
  }

  hasRoom(instanceId: string, reserved: number): boolean {
    return this.#deps.hasRoom(instanceId, reserved + this.waitingOf(instanceId));
  }

  /** The number of commands of an instance that wait for earlier claims. */
  waitingOf(instanceId: string): number {
    return this.#waiting.get(instanceId)?.length ?? 0;
  }

  /** The number of commands of each instance that wait for earlier claims. */
  get waiting(): Map<string, number> {
    return new Map([...this.#waiting].map(([id, { length }]) => [id, length]));
  }

  /**
   * Runs a command. Its frames need the lease, like those of any command. The next host of the shard finds a command that
   * comes after `stop`.
   */
  take(handed: HandedCommand): void {
    if (this.#stop.signal.aborted) return;
    const { claimer, submit } = this.#deps;
    const command = fromHandOver(handed);
    claimer.adopt(command);
    const { instanceId } = command;
    const waiting = this.#waiting.get(instanceId);
    if (isQuery(command) || isConversion(command) || (!waiting && claimer.isSettled(instanceId))) submit(command);
    else if (waiting) waiting.push(command);
    else {
      this.#waiting.set(instanceId, [command]);
      void this.#submitWaiting(instanceId);
    }
  }

  search(commandId: string, settled: Promise<void> = Promise.resolve()): void {
    this.#searched.set(commandId, Number.POSITIVE_INFINITY);
    void settled.then(() => {
      const { searchMs = defaultSearchMs } = this.#deps;
      if (this.#searched.has(commandId)) this.#searched.set(commandId, performance.now() + searchMs);
    });
    if (!this.#isSearching) void this.#search();
  }

  /** Takes no more commands, and ends the searches. */
  stop(): void {
    this.#stop.abort();
  }

  async #submitWaiting(instanceId: string): Promise<void> {
    const waiting = this.#waiting.get(instanceId) ?? [];
    while (!this.#stop.signal.aborted && waiting.length > 0) {
      // Commands that arrive during the wait also wait for the claims that begin during it.
      const count = waiting.length;
      if (await this.#isSettled(instanceId)) for (const command of waiting.splice(0, count)) this.#deps.submit(command);
    }
    this.#waiting.delete(instanceId);
  }

  /** Waits for the claims so far that may have taken commands of the instance. Returns false, after a pause, if the database did not respond. */
  async #isSettled(instanceId: string): Promise<boolean> {
    try {
      await this.#deps.claimer.settle(instanceId);
      return !this.#stop.signal.aborted;
    } catch (error) {
      this.#deps.log.warn({ err: error, instanceId }, "claimed commands wait for the database");
      await pause(retryMs, this.#stop.signal);
      return false;
    }
  }

  /** Submits the searched commands as soon as they are found. */
  async #search(): Promise<void> {
    this.#isSearching = true;
    while (!this.#stop.signal.aborted && this.#searched.size > 0) {
      const startedAt = performance.now();
      try {
        const found = await this.#deps.claimer.find([...this.#searched.keys()]);
        if (this.#stop.signal.aborted) break;
        for (const command of found) if (this.#searched.delete(command.id)) this.#deps.submit(command);
        for (const [id, end] of this.#searched) if (startedAt > end) this.#searched.delete(id);
      } catch (error) {
        this.#deps.log.debug({ err: error }, "commands that may be claimed could not be looked up; trying again");
      }
      if (this.#searched.size > 0) await pause(retryMs, this.#stop.signal);
    }
    this.#isSearching = false;
  }
}
