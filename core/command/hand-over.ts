import type { Config } from "../config.ts";
import type { SendOptions } from "../restriction/index.ts";
import type { Grant } from "../shard/lease.ts";

/** A command that was claimed for a host in the statement that stored it. */
export interface HandedCommand {
  id: string;
  instanceId: string;
  userId: string;
  name: string;
  /** The input, as the database has it. */
  input: unknown;
  /** WhatsApp's id and the chat of the message, for a send. */
  waId: string | null;
  chatId: string | null;
  position: number;
  deadline: Date;
  acceptedAt: Date;
  correlationId: string;
  options: SendOptions | null;
}

/** The part of a session host that runs a shard in this process. */
export interface Holder {
  host: string;
  grant: Grant;
  /** Whether the lease is valid, as far as the host knows. The statement that claims checks the lease in the database. */
  readonly held: boolean;
  /** Whether the session of the instance can take another command. `reserved` commands are on their way to the session. */
  hasRoom(instanceId: string, reserved: number): boolean;
  /** Runs a claimed command. Called before the caller of the API gets a response. */
  take(command: HandedCommand): void;
  /**
   * Looks for a command that may have been claimed, because the result of its statement was lost. `settled` resolves when the
   * statement no longer waits for others.
   */
  search(commandId: string, settled?: Promise<void>): void;
}

/**
 * The right to claim one command for a host of this process. Call `take` or `search` if there is something to run, and
 * in any case `end`.
 */
export interface Reservation extends Pick<Holder, "host" | "grant" | "take" | "search"> {
  end(): void;
}

/** How long a shard that stops waits for the statements that claim commands for it, in milliseconds. */
const endMs = 2_000;

interface Registered {
  holder: Holder;
  /** Number of reservations that have not ended, by instance. */
  reserved: Map<string, number>;
  /** Called when the last reservation ends. */
  onEnd: () => void;
}

/**
 * The shards that session hosts of this process serve for one database. The API claims a command for such a host in the
 * statement that stores the command, so that the command needs neither the queue nor a second commit.
 */
export class HandOver {
  readonly #shards = new Map<number, Registered>();

  /** Offers commands to a host, which must hold the shard's lease. */
  register(holder: Holder): void {
    this.#shards.set(holder.grant.shard, { holder, reserved: new Map(), onEnd: () => undefined });
  }

  /**
   * Offers no more commands to a host. Resolves when all commands that were claimed for the host were handed over, at the
   * latest after two seconds. The next host of the shard finds the rest in the database.
   */
  async unregister(holder: Holder): Promise<void> {
    const { shard } = holder.grant;
    const registered = this.#shards.get(shard);
    if (registered?.holder !== holder) return;
    this.#shards.delete(shard);
    if (registered.reserved.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    registered.onEnd = resolve;
    const timer = setTimeout(resolve, endMs);
    await promise;
    clearTimeout(timer);
  }

  /**
   * Returns the right to claim a command for the host of the shard, or undefined if this process has no such host. A
   * command that waits for others of its instance (`isOrdered`) also needs room in its session.
   */
  reserve(shard: number, instanceId: string, isOrdered: boolean): Reservation | undefined {
    const registered = this.#shards.get(shard);
    if (!registered?.holder.held) return undefined;
    const { holder, reserved } = registered;
    const before = reserved.get(instanceId) ?? 0;
    if (isOrdered && !holder.hasRoom(instanceId, before)) return undefined;
    reserved.set(instanceId, before + 1);
    return {
      host: holder.host,
      grant: holder.grant,
      take: (command) => holder.take(command),
      search: (commandId, settled) => holder.search(commandId, settled),
      end: () => {
        const left = (reserved.get(instanceId) ?? 0) - 1;
        if (left > 0) reserved.set(instanceId, left);
        else reserved.delete(instanceId);
        if (reserved.size === 0) registered.onEnd();
      },
    };
  }
}

/** By the URL of the database: a process of the tests has several gateways. */
const handOvers = new Map<string, HandOver>();

/**
 * Returns the shards of the database that this process serves, or undefined without `DIRECT_CALLS`. The API and the
 * session host of a process get the same object.
 */
export function handOverOf({ DATABASE_URL: url, DIRECT_CALLS }: Config): HandOver | undefined {
  if (!DIRECT_CALLS || url === undefined) return undefined;
  const known = handOvers.get(url) ?? new HandOver();
  handOvers.set(url, known);
  return known;
}
