-- Refuses (SQLSTATE SB001) whoever does not hold the lease of a shard now. The shared advisory lock is kept until the
-- transaction ends, and a takeover takes it exclusively: no write of an old holder can commit after a new one has begun.
-- Two statements, because under READ COMMITTED each sees what was committed before it began, so the check comes after the lock.
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
