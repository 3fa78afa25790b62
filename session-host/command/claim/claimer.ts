import { setTimeout as sleep } from "node:timers/promises";
import { lruCache } from "../../../core/lru.ts";
import type { Wait } from "../../../core/restriction/index.ts";
import {
  type ClaimDeps,
  claimCommands,
  claimDue,
  claimedAmong,
  claimedAt,
  claimOldest,
  claimScheduled,
  claimWaiting,
  holdBack,
  instancesWithQueued,
  nextPosition,
  returnClaim,
  unfinishedCommands,
} from "./claim.ts";
import type { ClaimedCommand } from "./claimed-command.ts";

const giveBackRetryMs = 1_000;

export interface ClaimerDeps extends ClaimDeps {
  /** Receives the commands of a claim whose result was lost. */
  submit: (command: ClaimedCommand) => void;
}

/** The instances whose commands a claim may take. Undefined means all of the shard. */
type Scope = ReadonlySet<string> | undefined;

const mayTake = (scope: Scope, instanceId: string) => scope?.has(instanceId) ?? true;

/**
 * Makes the claims of a shard. If the connection to the database breaks, a claim may have succeeded although its result
 * is lost. The next claim therefore first looks up what the earlier claim took, so that no command stays claimed
 * without running.
 */
export class Claimer {
  readonly #deps: ClaimerDeps;
  /** Ids of commands that this claimer returned recently. */
  readonly #recent = lruCache<string, true>(20_000);
  /** For each claim whose result is unknown, a function that looks up the commands that the claim took. */
  readonly #lookUps = new Map<() => Promise<ClaimedCommand[]>, Scope>();
  /** Claims in progress. A claim ends when its caller has submitted what it took. */
  readonly #claiming = new Map<Promise<unknown>, Scope>();

  constructor(deps: ClaimerDeps) {
    this.#deps = deps;
  }

  /** Whether the result of a claim is unknown. The next claim looks it up. */
  get hasLost(): boolean {
    return this.#lookUps.size > 0;
  }

  /**
   * Claims the commands that the queue delivered. Of the instances `full`, claims only commands that wait for no other
   * command. `instances`: the instances of the commands.
   */
  async fromQueue(
    ids: readonly string[],
    full: readonly string[] = [],
    instances?: ReadonlySet<string>,
  ): Promise<ClaimedCommand[]> {
    await this.#recover();
    return await this.#attempt(
      instances,
      () => claimCommands(this.#deps, ids, full),
      () => claimedAmong(this.#deps, ids),
    );
  }

  /** Claims the commands that were accepted more than `olderThanMs` ago and did not arrive through the queue. */
  waiting(olderThanMs: number, except: readonly string[] = []): Promise<ClaimedCommand[]> {
    return this.atNextPosition((position) => claimWaiting(this.#deps, position, { olderThanMs, except }));
  }

  /** Claims the scheduled sends that are due. */
  due(except: readonly string[] = []): Promise<ClaimedCommand[]> {
    return this.atNextPosition((position) => claimDue(this.#deps, position, except));
  }

  /** Claims the oldest queued commands of an instance. */
  oldest(instanceId: string, limit: number): Promise<ClaimedCommand[]> {
    return this.atNextPosition((position) => claimOldest(this.#deps, position, { instanceId, limit }), instanceId);
  }

  /** Returns the instances of the shard that have queued commands. */
  withQueued(): Promise<string[]> {
    return instancesWithQueued(this.#deps);
  }

  /** Claims the scheduled sends of an instance, due or not. */
  scheduled(instanceId: string): Promise<ClaimedCommand[]> {
    return this.atNextPosition((position) => claimScheduled(this.#deps, position, instanceId), instanceId);
  }

  /** Reserves a range of positions and makes a claim in it: of commands of this instance, or of any instance. */
  async atNextPosition(
    claim: (position: number) => Promise<ClaimedCommand[]>,
    instanceId?: string,
  ): Promise<ClaimedCommand[]> {
    await this.#recover();
    const position = await nextPosition(this.#deps);
    return await this.#attempt(
      instanceId === undefined ? undefined : new Set([instanceId]),
      () => claim(position),
      () => claimedAt(this.#deps, position),
    );
  }

  /** Returns the commands that the previous holder of the shard claimed and did not finish. */
  async unfinished(): Promise<ClaimedCommand[]> {
    return this.#remember(await unfinishedCommands(this.#deps));
  }

  /** Whether every command of the instance that this claimer has claimed was submitted. */
  isSettled(instanceId: string): boolean {
    return [...this.#claiming.values(), ...this.#lookUps.values()].every((scope) => !mayTake(scope, instanceId));
  }

  /**
   * Resolves when the commands of the instance that claims so far may have taken were submitted. Commands that were claimed
   * elsewhere after them may be submitted then.
   */
  async settle(instanceId: string): Promise<void> {
    await Promise.all([...this.#claiming].flatMap(([ended, scope]) => (mayTake(scope, instanceId) ? ended : [])));
    await this.#recover(instanceId);
  }

  /** Notes commands that were claimed elsewhere for this host, so that no look-up submits them again. */
  adopt(command: ClaimedCommand): void {
    this.#remember([command]);
  }

  /** Returns those of these commands that are claimed, except those that this claimer has returned before. */
  async find(ids: readonly string[]): Promise<ClaimedCommand[]> {
    const found = await claimedAmong(this.#deps, ids);
    return this.#remember(found.filter(({ id }) => !this.#recent.has(id)));
  }

  /** Gives a claimed command back, so that a later claim takes it again. Tries until it succeeds or the lease is lost. */
  giveBack(command: ClaimedCommand): Promise<void> {
    return this.#return(command, () => returnClaim(this.#deps, command.id));
  }

  /** Puts a claimed send back until a time. Tries until it succeeds or the lease is lost. */
  holdBack(command: ClaimedCommand, wait: Wait): Promise<void> {
    return this.#return(command, () => holdBack(this.#deps, command.id, wait));
  }

  async #return(command: ClaimedCommand, work: () => Promise<void>): Promise<void> {
    while (this.#deps.lease.held) {
      try {
        await work();
        this.#recent.delete(command.id);
        return;
      } catch (error) {
        if (!this.#deps.lease.held) throw error;
        await sleep(giveBackRetryMs);
      }
    }
  }

  async #attempt(
    scope: Scope,
    claim: () => Promise<ClaimedCommand[]>,
    lookUp: () => Promise<ClaimedCommand[]>,
  ): Promise<ClaimedCommand[]> {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.#claiming.set(ended, scope);
    try {
      return this.#remember(await claim());
    } catch (error) {
      this.#lookUps.set(lookUp, scope);
      throw error;
    } finally {
      // Callers submit the result without waiting for anything, which is before the next turn of the event loop.
      setImmediate(() => {
        this.#claiming.delete(ended);
        end();
      });
    }
  }

  /** Submits the commands of claims whose result was lost: of those that may have taken commands of this instance, or of all. */
  async #recover(instanceId?: string): Promise<void> {
    for (const [lookUp, scope] of [...this.#lookUps]) {
      if (instanceId !== undefined && !mayTake(scope, instanceId)) continue;
      const found = await lookUp();
      // A concurrent call may have handled this claim in the meantime.
      if (!this.#lookUps.delete(lookUp)) continue;
      const unseen = found.filter((command) => !this.#recent.has(command.id));
      for (const command of this.#remember(unseen)) this.#deps.submit(command);
    }
  }

  #remember(commands: ClaimedCommand[]): ClaimedCommand[] {
    for (const command of commands) this.#recent.set(command.id, true);
    return commands;
  }
}
