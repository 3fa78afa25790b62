import type { InferInsertModel } from "drizzle-orm";
import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import { answerOf } from "../db/answer.ts";
import type { Database } from "../db/index.ts";
import { storableJson } from "../db/index.ts";
import type { Logger } from "../log.ts";
import { MicroBatch } from "../micro-batch.ts";
import type { auditLog } from "./audit.sql.ts";

export type AuditEntry = Required<Omit<InferInsertModel<typeof auditLog>, "id" | "at">>;

/** The columns of an entry, without its id and time. */
export const entryColumns = (sql: postgres.ISql) => sql`
  user_id, key_id, ip, source, operation, owner_id, instance_id, target, fields, outcome, status, code, request_id`;

/** The fields of an entry in JSON, in the order of `entryColumns`. */
export const entryFields = (sql: postgres.ISql) => sql`
  "userId", "keyId", ip, source, operation, "ownerId", "instanceId", target, fields, outcome, status, code, "requestId"`;

/** The fields of an entry in JSON with their types. */
export const entryTypes = (sql: postgres.ISql) => sql`
  "userId" uuid, "keyId" uuid, ip text, source text, operation text, "ownerId" uuid, "instanceId" uuid, target jsonb,
  fields jsonb, outcome text, status int, code text, "requestId" text`;

interface Waiting {
  entry: AuditEntry;
  at: Date;
}

/** So many refusals of one key, or of a user without a key, are logged in a minute. The others only appear in the log. */
export const refusalsPerMinute = 20;

/** Writes the audit log. Entries that arrive at the same time share a statement. */
class AuditLog {
  readonly #deps: { db: Database; clock: Clock; log: Logger };
  readonly #batch = new MicroBatch<Waiting>((entries) => this.#write(entries));

  constructor(deps: { db: Database; clock: Clock; log: Logger }) {
    this.#deps = deps;
  }

  /**
   * Resolves when the entry is written. Never rejects: what the entry is about has happened already, so an entry that can't
   * be written appears in the process' log instead.
   */
  write(entry: AuditEntry): Promise<void> {
    return this.#batch.add({ entry, at: this.#deps.clock.now() });
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#insert(batch);
    } catch (error) {
      const entries = batch.map(({ entry, at }) => ({ ...entry, at }));
      this.#deps.log.error({ err: error, entries }, "can't write to the audit log");
    }
  }

  /** Skips refusals over the limit, so that a flood of them fills neither the table nor the disk, and those of nobody known. */
  async #insert(batch: readonly Waiting[]): Promise<void> {
    const rows = batch.map(({ entry, at }, position) => ({ ...entry, at: at.toISOString(), position }));
    const { db } = this.#deps;
    const query = db.sql`
      insert into audit_log (at, ${entryColumns(db.sql)})
      select at, ${entryFields(db.sql)}
      from (
        select entry.*, row_number() over (partition by coalesce("keyId", "userId"), outcome order by position) as place
        from jsonb_to_recordset(${storableJson(rows)}::text::jsonb) as entry(
          position int, at timestamptz, ${entryTypes(db.sql)})) entry
      where outcome <> 'refused' or coalesce("keyId", "userId") is not null and place + (
        select count(*) from (
          select 1 from audit_log earlier
          where earlier.outcome = 'refused' and coalesce(earlier.key_id, earlier.user_id) = coalesce("keyId", "userId")
            and earlier.at > entry.at - interval '1 minute'
          limit ${refusalsPerMinute}::int) recent) <= ${refusalsPerMinute}::int
      order by position`;
    await answerOf(db, query);
  }
}

const logs = new WeakMap<Database, AuditLog>();

/** Returns the audit log of a database. Its users in a process share statements. */
export function auditLogOf(deps: { db: Database; clock: Clock; log: Logger }): AuditLog {
  const known = logs.get(deps.db);
  if (known) return known;
  const made = new AuditLog(deps);
  logs.set(deps.db, made);
  return made;
}
