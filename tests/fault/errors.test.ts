import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import type { Phone } from "../../simulator/index.ts";
import { node } from "../../simulator/wire/node.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";

/** Makes the host throw in the listener of a socket, when the host gets SIGUSR2. */
const thrower = new URL("../support/process/throw-in-socket.ts", import.meta.url).href;

/** One host in a process of its own serves both accounts. Errors hit Alice's; Dora's must not notice. */
let gate: TestGateway;
let host: ChildProcess;
let alice: Phone;
let bob: Phone;
let dora: Phone;
let instance: string;
let other: string;

beforeAll(async () => {
  gate = await startTestGateway({ host: "none", env: { SHARDS: "1", OPEN_KEY_GENERATION: "true" } });
  host = spawnHost({ ...gate.gateway.env, NODE_OPTIONS: `--import=${thrower}` });
  alice = await gate.wa.addPhone({ number: "4915550000001", pushName: "Alice" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  dora = await gate.wa.addPhone({ number: "4915550000003", pushName: "Dora" });
  instance = await gate.linked(alice);
  other = await gate.linked(dora);
});
afterAll(async () => {
  await endHost(host);
  await gate.stop();
});

const loginsOf = (phone: Phone) => gate.wa.device(phone.number).sockets.logins;
const received = (id: string) =>
  until(async () => (await gate.db.sql`select 1 from messages where wa_id = ${id}`).length > 0 || undefined, 60_000);

/** Makes the next socket to WhatsApp that gets data throw. */
async function throwInNextSocket(): Promise<void> {
  const armed = once(host, "message");
  host.kill("SIGUSR2");
  await armed;
}

/** Runs a test whose errors must neither end the host nor disturb the other account. */
async function withoutHarm(work: () => Promise<void>): Promise<void> {
  const logins = loginsOf(dora);
  await work();
  const { id } = await bob.sendText(dora.number, "still there?");
  await received(id);
  expect(loginsOf(dora)).toBe(logins);
  expect([host.exitCode, host.signalCode]).toEqual([null, null]);
  await Promise.all([instance, other].map((id) => gate.status(id, "connected")));
}

test("a stanza whose listener throws disturbs no other stanza of the account", () =>
  withoutHarm(async () => {
    const logins = loginsOf(alice);
    // Baileys reads the first child without a check, in a listener that is not async (`handlePresenceUpdate`).
    gate.wa.device(alice.number).socket?.send(node("chatstate", { from: bob.jid }, []));
    const { id } = await bob.sendText(alice.number, "after the exception");
    await received(id);
    expect(loginsOf(alice)).toBe(logins);
  }));

test("an exception in the socket of one account closes only this account's connection, which opens again", () =>
  withoutHarm(async () => {
    const logins = loginsOf(alice);
    await throwInNextSocket();
    await bob.sendText(alice.number, "arrives at the socket that throws");
    await until(async () => loginsOf(alice) > logins || undefined, 60_000);
    const rows = await until(async () => {
      const found = await gate.db.sql<{ reason: string }[]>`
        select data->>'reason' as reason from events where type = 'connection.close' and instance_id = ${instance}`;
      return found.length > 0 ? found : undefined;
    });
    expect(rows.map(({ reason }) => reason)).toEqual(["internal_error"]);
    const { id } = await bob.sendText(alice.number, "after the exception");
    await received(id);
  }));
