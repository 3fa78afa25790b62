import { test } from "vitest";
import { expectGatewayBehind } from "../support/database/pgbouncer.ts";

test("a gateway with DATABASE_POOLER=session works behind pgbouncer that pools sessions", async () => {
  // A client of such a pool keeps its connection, so each connection of the gateway needs one.
  await expectGatewayBehind("session", { poolSize: 80, env: { DATABASE_POOLER: "session" } });
}, 240_000);
