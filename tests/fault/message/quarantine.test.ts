import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { openVault } from "../../../core/crypto/index.ts";
import { createKeyWrapper } from "../../../core/crypto/wrapper.ts";
import { parseKey } from "../../../session-host/ledger/change.ts";
import type { Phone } from "../../../simulator/index.ts";
import type { Device } from "../../../simulator/model/account.ts";
import { startCall } from "../../../simulator/phone/owner/call.ts";
import { change } from "../../../simulator/phone/owner/group.ts";
import { node } from "../../../simulator/wire/node.ts";
import { type LinkedGateway, startLinkedGateway } from "../../support/gateway/linked-gateway.ts";
import { until } from "../../support/until.ts";

let linked: LinkedGateway;
let device: Device;
let mallory: Phone;

beforeAll(async () => {
  linked = await startLinkedGateway("gateway");
  device = linked.owner.devices[0] as Device;
  mallory = await linked.gate.wa.addPhone({ number: "4915550000666", pushName: "Mallory" });
});
afterAll(async () => {
  await linked?.stop();
});
beforeEach(async () => {
  await linked.gate.db.sql`truncate refused_stanzas`;
});

/** Makes Postgres refuse rows of a table with this SQLSTATE, while the condition on the new row holds. */
async function refuse(table: string, condition: string, state: string): Promise<{ lift(): Promise<void> }> {
  const { sql } = linked.gate.db;
  await sql.unsafe(`
    create or replace function refuse_${table}() returns trigger language plpgsql as $$ begin
      if ${condition} then raise exception 'refused for the test' using errcode = '${state}'; end if;
      return new;
    end $$;
    create or replace trigger refuse before insert or update on ${table} for each row execute function refuse_${table}()`);
  return {
    async lift() {
      await sql.unsafe(`drop trigger refuse on ${table}`);
    },
  };
}

interface Row {
  key: string;
  kind: string;
  stanza_id: string;
  sender: string;
  attempts: number;
  error: string;
  quarantined: boolean;
  stanza: Buffer | null;
  plaintext: Buffer | null;
}
const rows = async () => [
  ...(await linked.gate.db.sql<Row[]>`
    select encode(key, 'hex') as key, kind, stanza_id, sender, attempts, error, quarantined_at is not null as quarantined,
      stanza, plaintext
    from refused_stanzas order by last_at`),
];

const told = (stanzaId: string) =>
  linked.gate.receiver.waitFor(
    ({ body }) => body.event === "stanza.quarantined" && body.data.stanzaId === stanzaId,
    15_000,
  );

async function expectTraffic(): Promise<void> {
  const { id } = await linked.bob.sendText(linked.owner.number, "still there?");
  await linked.client.reported("received", id, 15_000);
  await until(async () => device.kept.size === 0 || undefined);
}

test("a message that the database refuses three times is kept, announced and acknowledged over the same connection", async () => {
  const { logins } = device.sockets;
  const refusing = await refuse("messages", "new.body like '%poison%'", "22P05");
  const { id } = await mallory.sendText(linked.owner.number, "poison");
  const { body } = await told(id);
  expect(body.data).toMatchObject({
    kind: "message",
    from: expect.stringContaining("@lid"),
    error: expect.stringContaining("refused for the test"),
  });
  const after = await mallory.sendText(linked.owner.number, "the next message of the same sender");
  await linked.client.reported("received", after.id);
  await expectTraffic();
  expect(device.sockets.logins).toBe(logins);
  await refusing.lift();

  const [row, ...more] = await rows();
  expect(more).toEqual([]);
  expect(row).toMatchObject({ kind: "message", stanza_id: id, attempts: 3, quarantined: true });
  const config = readConfig(linked.gate.gateway.env);
  const vault = await openVault(linked.gate.db, await createKeyWrapper(config));
  const place = `${linked.instance}:${row?.key}`;
  const stanza = parseKey(vault.open(row?.stanza ?? Buffer.alloc(0), `refused-stanza:${place}`));
  expect(stanza).toMatchObject({ tag: "message", attrs: { id } });
  expect(vault.open(row?.plaintext ?? Buffer.alloc(0), `refused-plaintext:${place}`).toString()).toContain("poison");
  expect(await linked.client.history(mallory.number)).toHaveLength(1);
});

test("a message whose sender Baileys can't tell is kept, announced and acknowledged without an error", async () => {
  const { nacked } = device.counts;
  const content = [node("enc", { v: "2", type: "msg" }, Buffer.from("unknown"))];
  const attrs = { from: "4915550000666@unknown", id: "3EB0NOBODY", type: "text", t: linked.gate.wa.world.seconds };
  device.deliver(node("message", attrs, content));
  const { body } = await told("3EB0NOBODY");
  expect(body.data).toMatchObject({ kind: "message", error: expect.stringContaining("Unknown message type") });
  await expectTraffic();
  expect(device.counts.nacked).toBe(nacked);
});

test("a group change, a call and a receipt that the database refuses are quarantined too", async () => {
  const { logins } = device.sockets;
  const sent = await linked.client.sendText(linked.bob.number, "to be delivered");
  await linked.client.inHistory(linked.bob.number, sent, "delivered");
  const events = await refuse("events", "new.type in ('group.update', 'call.received')", "54000");
  const messages = await refuse("messages", "new.status = 'read'", "23514");
  change(linked.bob, linked.group.jid, node("locked", {}));
  startCall(mallory, linked.owner.number);
  linked.bob.markRead(...linked.bob.inbox.messages.filter(({ id }) => id === sent));
  for (const kind of ["notification", "call", "receipt"]) {
    await linked.gate.receiver.waitFor(
      ({ body }) => body.event === "stanza.quarantined" && body.data.kind === kind,
      15_000,
    );
  }
  expect((await rows()).map(({ kind, attempts, quarantined }) => [kind, attempts, quarantined]).sort()).toEqual([
    ["call", 3, true],
    ["notification", 3, true],
    ["receipt", 3, true],
  ]);
  await events.lift();
  await messages.lift();
  await expectTraffic();
  expect(device.sockets.logins).toBe(logins);
});

test("a stanza whose Signal keys can't be stored either ends one connection, and is put aside on the next one", async () => {
  const { logins } = device.sockets;
  const stranger = await linked.gate.wa.addPhone({ number: "4915550000667", pushName: "Mallory's brother" });
  // A plain text does not create a key of this type, but the first message of a person does.
  const refusing = await refuse(
    "session_keys",
    `new.type = 'session' and new.key_id like '${stranger.account.lid}%'`,
    "54000",
  );
  const { id } = await stranger.sendText(linked.owner.number, "with keys");
  await told(id);
  expect(await rows()).toMatchObject([{ stanza_id: id, quarantined: true }]);
  await expectTraffic();
  expect(device.sockets.logins).toBe(logins + 1);
  await refusing.lift();
});

test("an outage of the database is no refusal", async () => {
  const { logins } = device.sockets;
  const outage = await refuse("messages", "new.body = 'during an outage'", "53300");
  const { id } = await linked.carol.sendText(linked.owner.number, "during an outage");
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(await rows()).toEqual([]);
  await outage.lift();
  await linked.client.reported("received", id);
  expect(await rows()).toEqual([]);
  expect(device.sockets.logins).toBe(logins);
});
