import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import type { Phone } from "../../simulator/index.ts";
import { saveContact } from "../../simulator/phone/owner/contacts.ts";
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

/** Waits until the instance knows the name of a contact. */
const contactNamed = (name: string) =>
  until(async () => {
    const rows = await gate.db.sql`select 1 from contacts where instance_id = ${instance} and name = ${name}`;
    return rows.length > 0 || undefined;
  }, 60_000);

test.each([0, 0.001, 0.5, 0.999])(
  "a download of the app state that is cut after %d of its bytes ends nothing, and is repeated",
  (cut) =>
    withoutHarm(async () => {
      const logins = loginsOf(alice);
      // Once at each media host.
      alice.account.externalPatches = true;
      gate.wa.media.faults.download.add({ cut, kind: "md-app-state" }, 2);
      saveContact(alice, bob.number, `Bob, a file cut after ${cut}`);
      await contactNamed(`Bob, a file cut after ${cut}`);
      // The phone's change is damaged, so the host reads the whole collection, whose file is cut too.
      gate.wa.device(alice.number).faults.appState.add(true);
      alice.account.externalPatches = false;
      gate.wa.media.faults.download.add({ cut, kind: "md-app-state" }, 2);
      saveContact(alice, bob.number, `Bob, a snapshot cut after ${cut}`);
      await contactNamed(`Bob, a snapshot cut after ${cut}`);
      expect(loginsOf(alice)).toBe(logins);
    }),
  120_000,
);

test.each([0, 0.001, 0.5, 0.999])(
  "a download of the history that is cut after %d of its bytes ends nothing, and is repeated",
  (cut) =>
    withoutHarm(async () => {
      const body = `a message of the history, cut after ${cut}`;
      const number = `49155500001${String(Math.round(cut * 1000)).padStart(2, "0")}`;
      const history = [{ with: bob.number, messages: [{ text: body, timestamp: 1_700_000_000 }] }];
      const phone = await gate.wa.addPhone({ number, pushName: "New", history });
      gate.wa.media.faults.download.add({ cut, kind: "md-msg-hist" }, 2);
      await gate.linked(phone, "multi-instance", { history: "recent" });
      await until(
        async () => (await gate.db.sql`select 1 from messages where body = ${body}`).length > 0 || undefined,
        60_000,
      );
    }),
  120_000,
);

test("a change of the app state arrives although it and the first snapshot after it are damaged", () =>
  withoutHarm(async () => {
    gate.wa.device(alice.number).faults.appState.add(true, 2);
    saveContact(alice, bob.number, "Bob, damaged twice");
    await contactNamed("Bob, damaged twice");
  }));

test("a collection whose key is missing is read after a restart of the host, when the phone shares the key", async () => {
  alice.sync.answersKeyRequests = false;
  alice.appState.rotateKey();
  const requests = alice.sync.keyRequests.length;
  saveContact(alice, bob.number, "Bob under a new key");
  await until(async () => alice.sync.keyRequests.length > requests || undefined, 60_000);
  await endHost(host);
  alice.sync.answersKeyRequests = true;
  host = spawnHost(gate.gateway.env);
  await contactNamed("Bob under a new key");
  for (const id of [instance, other]) await gate.status(id, "connected");
});
