import { channel } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { exchange } from "../../support/gateway/instance-state.ts";
import { phoneSeries } from "../../support/gateway/linked-gateway.ts";
import { restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { type FileServer, startFileServer } from "../../support/network/file-server.ts";
import { type ProxyOfTest, startProxy } from "../../support/network/proxy-server.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let files: FileServer;
let bob: Phone;

beforeAll(async () => {
  gate = await startTestGateway();
  files = await startFileServer({ "/a.png": { body: png(), type: "image/png" } });
  bob = await gate.wa.addPhone({ number: "4915550500099", pushName: "Bob" });
});
afterAll(async () => {
  await gate?.stop();
  await files?.stop();
});

const newPhone = phoneSeries(() => gate.wa, "49155505000");

/** Returns the remote ports of the connections to WhatsApp and its media host from now on. */
function watchConnections(): Set<number> {
  const ports = [new URL(gate.wa.url).port, gate.wa.mediaHost.split(":").at(-1)].map(Number);
  const remote = new Set<number>();
  const accepted = channel("net.server.socket");
  const note = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    if (ports.includes(socket.localPort ?? 0)) remote.add(socket.remotePort ?? 0);
  };
  accepted.subscribe(note);
  onTestFinished(() => void accepted.unsubscribe(note));
  return remote;
}

describe("the proxy of an instance", () => {
  const credentials = "customer:p@ss";
  let proxy: ProxyOfTest;
  beforeAll(async () => {
    proxy = await startProxy({ credentials });
  });
  afterAll(() => proxy?.stop());

  test.each(["http", "socks5"])("carries all connections to WhatsApp, over %s", async (protocol) => {
    const seen = watchConnections();
    const owner = await newPhone();
    const settings = { proxy: `${protocol}://customer:p%40ss@127.0.0.1:${proxy.port}`, history: "recent" };
    const client = restClient(gate, "multi-instance", await gate.linked(owner, "multi-instance", settings));
    await exchange(client, { owner, peer: bob }, "through the proxy");
    const sent = await client.sendImage(bob.number, files.url("/a.png"));
    await bob.waitFor((message) => message.id === sent);
    const { id } = await bob.sendImage(owner.number, png());
    await client.reported("received", id);
    await until(
      async () =>
        (
          await gate.db.sql`
      select from messages where wa_id = ${id} and media->>'state' = 'stored'`
        ).length || undefined,
    );
    expect(seen.size).toBeGreaterThan(2);
    for (const port of seen) expect(proxy.ports).toContain(port);
    expect(new Set(proxy.targets)).toEqual(new Set([new URL(gate.wa.url).host, gate.wa.mediaHost]));
  });
});

test("the phone shows the device name of an instance under linked devices", async () => {
  const owner = await newPhone();
  await gate.linked(owner, "gateway", { deviceName: "Front desk" });
  expect(gate.wa.device(owner.number).credentials.platform).toBe("Front desk");
});

test("no part of the gateway reported an error", () => expectNoComplaints(gate.wa));
