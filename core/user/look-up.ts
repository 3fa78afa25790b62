import type { Caller } from "../caller.ts";
import type { Clock } from "../clock.ts";
import { sha256 } from "../crypto/index.ts";
import { readInTime } from "../db/answer.ts";
import type { Database } from "../db/index.ts";
import { isUuid } from "../id.ts";
import type { Instance } from "../instance/index.ts";
import { type InstanceRow, instanceOfRow } from "../instance/store.ts";
import { MicroBatch } from "../micro-batch.ts";
import { callerOfRow, type KeyRow } from "./authenticate.ts";

/** A key, the instance that its request names, or both; then what the database has of them. */
interface LookUp {
  hash: Buffer | undefined;
  instanceId: string | undefined;
  key?: KeyRow;
  instance?: Instance;
}

/** The columns of a key and of its user, beside those of an instance. */
interface KeyColumns {
  key_id: string | null;
  key_user_id: string;
  key_permissions: KeyRow["permissions"];
  key_ip_ranges: string[] | null;
  key_instances: string[] | null;
  key_scopes: string[] | null;
  key_expires_at: Date | null;
  key_revoked_at: Date | null;
  key_last_used_at: Date | null;
  key_role: KeyRow["role"];
  key_disabled_at: Date | null;
  key_user_ip_ranges: string[] | null;
  ord: number;
}

/**
 * Reads the keys and the instances of requests. Requests that arrive at the same time share a statement, and each statement
 * begins after its requests have arrived. Nothing is remembered, so that a key that was revoked, a user who was
 * disabled and an instance that was deleted or changed count at once.
 */
export class LookUps {
  readonly #deps: { db: Database; clock: Clock };
  readonly #batch = new MicroBatch<LookUp>((lookUps) => this.#read(lookUps), maxLookUps);

  constructor(deps: { db: Database; clock: Clock }) {
    this.#deps = deps;
  }

  /**
   * Returns the caller of a key, as `callerOfKey` does, and the instance with the id, if it exists and isn't being deleted.
   * Check the caller's access to the instance before you use the instance.
   */
  async ofKey(
    key: string,
    ip: string | undefined,
    instanceId: string | undefined,
  ): Promise<{ caller: Caller; instance: Instance | undefined }> {
    const lookUp = await this.#add({ hash: sha256(key), instanceId });
    return { caller: await callerOfRow(lookUp.key, this.#deps.clock.now(), ip), instance: lookUp.instance };
  }

  /** Returns the instance with the id, if it exists and isn't being deleted. */
  async instance(id: string): Promise<Instance | undefined> {
    return (await this.#add({ hash: undefined, instanceId: id })).instance;
  }

  async #add({ hash, instanceId }: LookUp): Promise<LookUp> {
    const lookUp: LookUp = {
      hash,
      instanceId: instanceId !== undefined && isUuid(instanceId) ? instanceId : undefined,
    };
    if (lookUp.hash || lookUp.instanceId) await this.#batch.add(lookUp, hash?.toString("hex") ?? instanceId);
    return lookUp;
  }

  async #read(lookUps: readonly LookUp[]): Promise<void> {
    const hashes = lookUps.map(({ hash }) => hash?.toString("hex") ?? null);
    const ids = lookUps.map(({ instanceId }) => instanceId ?? null);
    const { db } = this.#deps;
    const query = db.sql<(KeyColumns & InstanceRow)[]>`
      select i.*, t.ord::int as ord, k.id as key_id, k.user_id as key_user_id, k.permissions as key_permissions,
        k.ip_ranges as key_ip_ranges, k.instances as key_instances, k.scopes as key_scopes, k.expires_at as key_expires_at,
        k.revoked_at as key_revoked_at, k.last_used_at as key_last_used_at, u.role as key_role,
        u.disabled_at as key_disabled_at, u.ip_ranges as key_user_ip_ranges
      from unnest(${hashes}::text[], ${ids}::uuid[]) with ordinality as t(hash, instance_id, ord)
      left join (api_keys k join users u on u.id = k.user_id) on k.hash = decode(t.hash, 'hex')
      left join instances i on i.id = t.instance_id and i.deleted_at is null`;
    for (const row of await readInTime(db, query)) {
      const lookUp = lookUps[row.ord - 1];
      if (!lookUp) continue;
      if (row.key_id !== null) lookUp.key = keyOf(row, row.key_id);
      if (row.id !== null) lookUp.instance = instanceOfRow(row);
    }
  }
}

const maxLookUps = 100;

const keyOf = (row: KeyColumns, id: string): KeyRow => ({
  id,
  user_id: row.key_user_id,
  permissions: row.key_permissions,
  ip_ranges: row.key_ip_ranges,
  instances: row.key_instances,
  scopes: row.key_scopes,
  expires_at: row.key_expires_at,
  revoked_at: row.key_revoked_at,
  last_used_at: row.key_last_used_at,
  role: row.key_role,
  disabled_at: row.key_disabled_at,
  user_ip_ranges: row.key_user_ip_ranges,
});
