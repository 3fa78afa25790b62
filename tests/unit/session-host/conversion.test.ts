import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { openStorage, type Storage } from "../../../core/storage/index.ts";
import { Conversions } from "../../../session-host/media/conversion.ts";
import { until } from "../../support/until.ts";

/** The open requests to a storage server that responds only when the test does. */
const held: ServerResponse[] = [];
const server = createServer((_request, response) => held.push(response));
let storage: Storage;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  storage = openStorage(readConfig({ S3_ENDPOINT: `http://127.0.0.1:${port}` }));
});
afterAll(() => {
  storage.client.destroy();
  server.closeAllConnections();
  server.close();
});

test("conversions run one at a time, an instance queues at most eight, and expired conversions are not started", async () => {
  const conversions = new Conversions({ storage });
  const upload = "0".repeat(32);
  const later = new Date(Date.now() + 60_000);
  const convert = (instance: string, deadline = later) =>
    conversions.convert({ userId: instance, instanceId: instance }, { upload }, "opus", deadline).then(
      () => "done",
      (error: { code: string }) => error.code,
    );
  const busy = Array.from({ length: 8 }, () => convert("busy"));
  expect(await convert("busy")).toBe("unavailable");
  const others = [convert("other"), convert("late", new Date(Date.now() - 1))];
  for (let turn = 0; turn < 9; turn++) {
    const response = await until(async () => held.shift());
    expect(held).toHaveLength(0);
    response.end("no sound");
  }
  expect(await Promise.all(busy)).toEqual(Array(8).fill("media_not_usable"));
  expect(await Promise.all(others)).toEqual(["media_not_usable", "command_expired"]);
  const again = convert("busy");
  (await until(async () => held.shift())).end("");
  expect(await again).toBe("media_not_usable");
});
