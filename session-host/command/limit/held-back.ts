import { sendLifetimeMs } from "../../../core/command/accept.ts";
import { storableText } from "../../../core/db/index.ts";
import {
  hasWritten,
  type OwnPace,
  type Pace,
  paceOf,
  type Restrictions,
  type Wait,
  type WaitReason,
} from "../../../core/restriction/index.ts";
import type { ClaimDeps } from "../claim/claim.ts";

/** How many people got their first message on a day of the instance's time zone. */
export interface NewContacts {
  day: string;
  count: number;
}

/** The pace, and the time zone of its days. Null means UTC. */
export type InstancePace = Pace & { timeZone?: string | null };

interface StoredPace {
  pausedAt: Date | null;
  pace: InstancePace;
  newContacts: NewContacts | null;
}

/** A send that waits in the database, and its chat. */
export interface HeldSend {
  id: string;
  chatId: string;
  inBulk: boolean;
  reason: WaitReason;
  until: Date;
}

/** Milliseconds between the next tries of single sends that wait for the same reason, so that they don't burst. */
export const stepMs: Readonly<Record<WaitReason, number>> = {
  time_lock: 5_000,
  new_chat_cap: 5_000,
  rate_limit: 1_000,
  pace: 0,
  paused: 0,
};

/**
 * The sends of one instance that wait because of a restriction or the pace. They are `scheduled` in the database, so
 * they take no place in the send queue, survive a restart, and can be canceled.
 */
export class HeldBack {
  readonly #deps: ClaimDeps;
  readonly #instanceId: string;

  constructor(deps: ClaimDeps, instanceId: string) {
    this.#deps = deps;
    this.#instanceId = instanceId;
  }

  /** Returns what is stored about the instance. */
  async load(): Promise<{ restrictions: Restrictions; held: HeldSend[] } & StoredPace> {
    const { sql } = this.#deps.db;
    const [stored, held] = await Promise.all([
      this.#read(),
      sql<HeldSend[]>`
        select c.id, m.chat_id as "chatId", c.bulk_id is not null as "inBulk", c.waiting_reason as reason,
          c.run_at as until
        from commands c
        join messages m on m.instance_id = c.instance_id and m.wa_id = c.wa_id and m.from_me
        where c.instance_id = ${this.#instanceId} and c.waiting_reason is not null and c.status = 'scheduled'
        order by c.created_at, c.id`,
    ]);
    return { ...stored, held: [...held] };
  }

  /** Returns the settings of the instance, which its user may change at any time. */
  async pace(): Promise<InstancePace> {
    return (await this.#read()).pace;
  }

  async #read(): Promise<{ restrictions: Restrictions } & StoredPace> {
    const [row] = await this.#deps.db.sql<
      {
        restrictions: Restrictions | null;
        pace: OwnPace | null;
        timeZone: string | null;
        newContacts: NewContacts | null;
        pausedAt: Date | null;
      }[]
    >`
      select restrictions, pace, timezone as "timeZone", new_contacts as "newContacts", sends_paused_at as "pausedAt" from instances
      where id = ${this.#instanceId}`;
    const { restrictions, pace = null, timeZone = null, newContacts = null, pausedAt = null } = row ?? {};
    return { restrictions: restrictions ?? {}, pace: { ...paceOf(pace), timeZone }, newContacts, pausedAt };
  }

  /** Whether one of these chats has a message that was received, or that WhatsApp accepted. */
  async isKnown(chatIds: readonly string[]): Promise<boolean> {
    const [row] = await this.#deps.db.sql`
      select 1 from messages where instance_id = ${this.#instanceId} and chat_id = any(${chatIds}::text[])
        and (not from_me or status in ('sent', 'delivered', 'read')) limit 1`;
    return row !== undefined;
  }

  /** Returns those of these commands that still wait. The others were claimed, canceled, or have ended. */
  async stillWaiting(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.#deps.db.sql<{ id: string }[]>`
      select id from commands where id = any(${ids}::uuid[]) and status = 'scheduled'`;
    return new Set(rows.map(({ id }) => id));
  }

  /**
   * Makes waiting commands due now. All get the same time, because commands of the same time are claimed by id. Those
   * that waited for the end of a pause get as much time as a new send, because the pause may have been long.
   */
  async release(ids: readonly string[]): Promise<void> {
    const { sql } = this.#deps.db;
    await sql`
      update commands set run_at = statement_timestamp(), waiting_reason = nullif(waiting_reason, 'paused'),
        deadline = case when waiting_reason = 'paused'
          then greatest(deadline, statement_timestamp() + ${sendLifetimeMs} * interval '1 ms') else deadline end
      from (select ${this.#fence()}) as held
      where id = any(${ids}::uuid[]) and status = 'scheduled' and waiting_reason is not null`;
  }

  /** Changes when the commands that wait for a reason are tried again. They keep their order. */
  async postpone({ reason, until }: Wait): Promise<void> {
    const { sql } = this.#deps.db;
    await sql`
      with waiting as materialized (
        select id, bulk_id, row_number() over (partition by bulk_id order by created_at, id) - 1 as place from commands
        where instance_id = ${this.#instanceId} and status = 'scheduled' and waiting_reason = ${storableText(reason)}
      )
      update commands set run_at = ${until}::timestamptz
        + (case when waiting.bulk_id is null then waiting.place else 0 end) * ${stepMs[reason]} * interval '1 ms'
      from (select ${this.#fence()}) as held, waiting where commands.id = waiting.id and status = 'scheduled'`;
  }

  hasWritten(chatIds: readonly string[]): Promise<boolean> {
    return hasWritten(this.#deps.db.sql, this.#instanceId, chatIds);
  }

  #fence() {
    const { db, host, lease } = this.#deps;
    return db.sql`fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})`;
  }
}
