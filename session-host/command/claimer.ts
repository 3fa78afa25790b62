import { LRUCache } from "lru-cache";
import {
  type ClaimDeps,
  claimCommands,
  claimDue,
  claimedAmong,
  claimedAt,
  claimScheduled,
  claimWaiting,
  nextPosition,
  unfinishedCommands,
} from "./claim.ts";
import type { ClaimedCommand } from "./claimed-command.ts";

export interface ClaimerDeps extends ClaimDeps {
  /** Gets the commands of a claim whose answer was lost. */
  submit: (command: ClaimedCommand) => void;
}

/**
 * Makes the claims of a shard. A claim whose answer is lost with the connection may have been made all the same, so the
 * next claim first looks up what that one took: no command stays claimed without running.
 */
export class Claimer {
  readonly #deps: ClaimerDeps;
  /** Commands that this claimer returned recently. */
  readonly #known = new LRUCache<string, true>({ max: 20_000 });
  /** Look up what the claims without an answer took. */
  readonly #lost = new Set<() => Promise<ClaimedCommand[]>>();

  constructor(deps: ClaimerDeps) {
    this.#deps = deps;
  }

  /** Claims the commands that the queue delivered. */
  async fromQueue(ids: readonly string[]): Promise<ClaimedCommand[]> {
    await this.#recover();
    return await this.#attempt(
      () => claimCommands(this.#deps, ids),
      () => claimedAmong(this.#deps, ids),
    );
  }

  /** Claims the commands that were accepted longer ago than this and did not come through the queue. */
  waiting(olderThanMs: number): Promise<ClaimedCommand[]> {
    return this.at((position) => claimWaiting(this.#deps, position, olderThanMs));
  }

  /** Claims the scheduled sends that are due. */
  due(): Promise<ClaimedCommand[]> {
    return this.at((position) => claimDue(this.#deps, position));
  }

  /** Claims the scheduled sends of an instance, due or not. */
  scheduled(instanceId: string): Promise<ClaimedCommand[]> {
    return this.at((position) => claimScheduled(this.#deps, position, instanceId));
  }

  /** Makes a claim at the positions that it is given. */
  async at(claim: (position: number) => Promise<ClaimedCommand[]>): Promise<ClaimedCommand[]> {
    await this.#recover();
    const position = await nextPosition(this.#deps);
    return await this.#attempt(
      () => claim(position),
      () => claimedAt(this.#deps, position),
    );
  }

  /** Returns what the last host of the shard had claimed and not finished. */
  async unfinished(): Promise<ClaimedCommand[]> {
    return this.#note(await unfinishedCommands(this.#deps));
  }

  async #attempt(
    claim: () => Promise<ClaimedCommand[]>,
    lookUp: () => Promise<ClaimedCommand[]>,
  ): Promise<ClaimedCommand[]> {
    try {
      return this.#note(await claim());
    } catch (error) {
      this.#lost.add(lookUp);
      throw error;
    }
  }

  async #recover(): Promise<void> {
    for (const lookUp of [...this.#lost]) {
      const found = await lookUp();
      // A concurrent claim may have looked it up meanwhile.
      if (!this.#lost.delete(lookUp)) continue;
      const lost = found.filter((command) => !this.#known.has(command.id));
      for (const command of this.#note(lost)) this.#deps.submit(command);
    }
  }

  #note(commands: ClaimedCommand[]): ClaimedCommand[] {
    for (const command of commands) this.#known.set(command.id, true);
    return commands;
  }
}
