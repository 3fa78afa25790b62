/** Numbers of the advisory locks in Postgres, which all processes share. */
export const advisoryLock = {
  /**
   * First key of the locks on shards. The second key is the number of the shard. The SQL function `fence` (migration
   * 0001) has the same number.
   */
  shard: 1_398_294_337,
  /** Held while the schema is migrated. */
  migration: 1_398_294_338,
  /** Held while the first admin is created, so that concurrent starts create only one admin. */
  firstAdmin: 1_398_294_339,
  /** First key of the locks on outgoing replies. The second key is the number of the shard. */
  replies: 1_398_294_340,
};
