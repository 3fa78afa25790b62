import { type AddressInfo, connect, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../core/db/index.ts";
import { startPostgres } from "../../local/postgres/index.ts";
import { seedPostgres } from "../support/postgres.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";

/** The error (57P01) with which a stopping server ends a connection, in version 3 of PostgreSQL's protocol. */
const shutdown = (() => {
  const fields = Buffer.from("SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0");
  const head = Buffer.from("E....");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
})();

/** Starts a proxy to a port that ends the first `times` connections on which `word` is sent. Returns the proxy's port. */
async function startCuttingProxy(target: number, word: string, times: number): Promise<number> {
  let left = times;
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    for (const side of [client, upstream]) side.on("error", () => undefined);
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    upstream.pipe(client);
    client.on("data", (chunk: Buffer) => {
      if (left > 0 && chunk.includes(word)) {
        left--;
        client.end(shutdown);
      } else upstream.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test("a connection that the server ends during the driver's type query is replaced, and the query succeeds", async () => {
  const dataDir = await folderOfTest();
  await seedPostgres(dataDir);
  const server = await startPostgres({ dataDir });
  onTestFinished(() => server.stop());
  const url = new URL(server.url);
  url.port = String(await startCuttingProxy(server.port, "pg_catalog.pg_type", 2));
  const db = openDatabase(url.href, { max: 1 });
  onTestFinished(() => db.close());
  const rows = await Promise.all([db.sql`select array['a', 'b'] as it`, db.sql`select ${["c"]}::text[] as it`]);
  expect(rows.map(([row]) => row?.it)).toEqual([["a", "b"], ["c"]]);
});
