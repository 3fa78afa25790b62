import { expect, test } from "vitest";
import { migrate } from "../../core/db/migrate.ts";
import { detectPooler } from "../../core/db/pooler.ts";
import { expectGatewayBehind, startPgbouncer, withPostgres } from "../support/database/pgbouncer.ts";

test("a gateway detects pgbouncer that pools transactions, and works with six connections", async () => {
  await expectGatewayBehind("transaction", { poolSize: 6, env: {} });
}, 240_000);

test("a pooler is told from a server, and the lock of a migration behind it is free afterwards", async () => {
  await withPostgres(async (place) => {
    const pooler = await startPgbouncer(place, "transaction", 8);
    try {
      expect(await detectPooler(place.server.url)).toBe("none");
      expect(await detectPooler(pooler.through(place.server.url))).toBe("transaction");
      const owner = pooler.through(await place.server.createDatabase("migrated"));
      await Promise.all([1, 2, 3].map(() => migrate(owner, 2)));
      await migrate(owner, 2);
    } finally {
      await pooler.stop();
    }
  });
}, 60_000);
