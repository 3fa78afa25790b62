-- Raises SQLSTATE SB001 unless the host holds the lease of the shard. The transaction keeps the shared advisory lock until it
-- ends, and a takeover takes the lock exclusively, so no write of the old holder can commit after a takeover has begun.
-- The check is a separate statement after the lock: under READ COMMITTED, each statement sees what was committed before it began.
CREATE FUNCTION fence(shard_id integer, host_id text, held_epoch bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1398294337, shard_id);
  PERFORM 1 FROM shards
    WHERE id = shard_id AND host = host_id AND epoch = held_epoch AND lease_until > clock_timestamp();
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the lease of shard % is not held by % under epoch %', shard_id, host_id, held_epoch
      USING ERRCODE = 'SB001';
  END IF;
END $$;
