/** The user and the instance that a task runs for. */
export interface Owner {
  userId: string;
  instanceId: string;
}

/** The waiting tasks of a user by instance. The first instance has the next turn. */
type Waiting = Map<string, (() => void)[]>;

/**
 * Limits how many tasks run at once, fairly between users. Users take turns, and so do the instances of a user. If
 * there is more than one place, a user never holds all places, so that the first task of another user can start.
 */
export class FairTurns {
  readonly #maxPerUser: number;
  #free: number;
  readonly #running = new Map<string, number>();
  /** The first user has the next turn. */
  readonly #waiting = new Map<string, Waiting>();

  constructor(size: number) {
    this.#free = size;
    this.#maxPerUser = Math.max(1, size - 1);
  }

  /**
   * Resolves when a place is free and it is this owner's turn. Returns a function that frees the place again. Further
   * calls of that function have no effect.
   */
  async enter(owner: Owner): Promise<() => void> {
    await new Promise<void>((resolve) => {
      const ofUser: Waiting = this.#waiting.get(owner.userId) ?? new Map();
      const ofInstance = ofUser.get(owner.instanceId) ?? [];
      ofInstance.push(resolve);
      ofUser.set(owner.instanceId, ofInstance);
      this.#waiting.set(owner.userId, ofUser);
      this.#grant();
    });
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#leave(owner);
    };
  }

  #leave({ userId, instanceId }: Owner): void {
    this.#free++;
    const running = (this.#running.get(userId) ?? 1) - 1;
    if (running > 0) this.#running.set(userId, running);
    else this.#running.delete(userId);
    // Users and instances that wait precede those that have just had a turn.
    const ofUser = this.#waiting.get(userId);
    if (ofUser) {
      moveToEnd(ofUser, instanceId);
      moveToEnd(this.#waiting, userId);
    }
    this.#grant();
  }

  #grant(): void {
    while (this.#free > 0) {
      const userId = this.#nextUser();
      if (userId === undefined) return;
      this.#free--;
      this.#running.set(userId, (this.#running.get(userId) ?? 0) + 1);
      this.#take(userId)?.();
    }
  }

  #nextUser(): string | undefined {
    for (const userId of this.#waiting.keys()) {
      if ((this.#running.get(userId) ?? 0) < this.#maxPerUser) return userId;
    }
    return undefined;
  }

  /** Removes and returns the next task of a user. */
  #take(userId: string): (() => void) | undefined {
    const ofUser = this.#waiting.get(userId);
    const [instanceId, tasks] = ofUser?.entries().next().value ?? [];
    if (!ofUser || instanceId === undefined || !tasks) return undefined;
    const task = tasks.shift();
    if (tasks.length === 0) ofUser.delete(instanceId);
    else moveToEnd(ofUser, instanceId);
    if (ofUser.size === 0) this.#waiting.delete(userId);
    else moveToEnd(this.#waiting, userId);
    return task;
  }
}

function moveToEnd<Value>(map: Map<string, Value>, key: string): void {
  const value = map.get(key);
  if (value === undefined) return;
  map.delete(key);
  map.set(key, value);
}
