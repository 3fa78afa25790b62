import { systemClock } from "../../core/clock.ts";
import { type Config, required } from "../../core/config.ts";
import { endLeasesOf } from "../../core/db/claim-lease.ts";
import { openDatabase } from "../../core/db/index.ts";
import { freeSinks } from "../../core/event-sink/feed.ts";
import { releaseHostsOf } from "../../core/shard/lease.ts";
import { freeBacklogs, freeDeliveries } from "../../core/webhook/delivery/backlog.ts";

/**
 * Frees everything that earlier processes of this place had claimed: shards, webhook deliveries, backlogs and event
 * sinks. Without this, the work of a killed gateway would wait until its leases expire. Call this only while no earlier
 * process of the place can run.
 */
export async function releasePredecessor(config: Config, place: string): Promise<void> {
  const db = openDatabase(required(config, "DATABASE_URL"), {
    max: 1,
    name: "switchboard-start",
    pooler: config.DATABASE_POOLER,
  });
  try {
    await endLeasesOf(db, place);
    await releaseHostsOf(db, place);
    const deps = { db, clock: systemClock };
    await freeDeliveries(deps);
    await freeBacklogs(deps);
    await freeSinks(deps);
  } finally {
    await db.close();
  }
}
