import { afterAll, beforeAll, expect, test } from "vitest";
import { type EventType, eventCatalog } from "../../../core/event/catalog/index.ts";
import { contentField } from "../../../core/message/content/index.ts";
import type { Phone } from "../../../simulator/index.ts";
import type { Device } from "../../../simulator/model/account.ts";
import { watchBlocks } from "../../support/fuzz/blocks.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { Attacker } from "../../support/inbound-fuzz/attacker.ts";
import { until } from "../../support/until.ts";

/**
 * CI sends 5,000. The long form is `FUZZ_ROUNDS=100000`, with any `FUZZ_SEED`. `FUZZ_FIRST` and `FUZZ_SEED` repeat the
 * rounds that a failure names.
 */
const rounds = Number(process.env.FUZZ_ROUNDS ?? 300);
const from = Number(process.env.FUZZ_FIRST ?? 0);
const seed = Number(process.env.FUZZ_SEED ?? 1);
/** Number of mutated stanzas between two messages that must arrive. */
const step = 25;
/** After this many rounds, another stranger continues with new Signal sessions. */
const roundsPerStranger = 1_000;
/** How long the message after a step may take. It arrives after the whole step, because messages are handled in order. */
const hangMs = 30_000;
/** CPU time of the thread in milliseconds. The simulated WhatsApp runs in the same process, and encodes frames of a megabyte. */
const maxBlockMs = 2_000;

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let instance: string;
let device: Device;
const crashes: unknown[] = [];
const note = (error: unknown) => void crashes.push(error);

beforeAll(async () => {
  process.on("unhandledRejection", note);
  process.on("uncaughtExceptionMonitor", note);
  gate = await startTestGateway();
  owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  instance = await gate.linked(owner, "gateway", { webhookUrl: undefined });
  device = owner.devices[0] as Device;
});
afterAll(async () => {
  process.off("unhandledRejection", note);
  process.off("uncaughtExceptionMonitor", note);
  await gate?.stop();
});

async function newAttacker(index: number): Promise<Attacker> {
  const phone = await gate.wa.addPhone({ number: `49155501${String(index).padStart(5, "0")}`, pushName: "Mallory" });
  const attacker = new Attacker(phone, device, phone.createGroup("Fuzz", [owner.number]));
  await attacker.open();
  return attacker;
}

/** Sends a message like any other and waits for its event. */
async function goodMessage(): Promise<void> {
  const { id } = await bob.sendText(owner.number, "still there?");
  await until(async () => {
    const rows = await gate.db.sql`
      select 1 from events where instance_id = ${instance} and type = 'message.received' and data->>'messageId' = ${id}`;
    return rows.length > 0 || undefined;
  }, hangMs);
}

test(
  "mutated stanzas and messages neither crash the host, nor cut the session, nor delay other messages",
  async () => {
    console.log(`FUZZ_SEED=${seed} FUZZ_FIRST=${from} FUZZ_ROUNDS=${rounds}`);
    const leases = await gate.db.sql`select id, epoch from shards order by id`;
    const { logins } = device.sockets;
    await goodMessage();
    let current = "";
    const blocks = watchBlocks(() => current);
    let attacker = await newAttacker(0);
    for (let round = from; round < from + rounds; round += step) {
      const replay = `repeat with FUZZ_SEED=${seed} FUZZ_FIRST=${round} FUZZ_ROUNDS=${step}`;
      current = replay;
      if (round > from && round % roundsPerStranger === 0) attacker = await newAttacker(round / roundsPerStranger);
      for (let one = round; one < Math.min(round + step, from + rounds); one++)
        await attacker.attack(one, Math.imul(seed, 0x9e3779b1) + one);
      await goodMessage().catch((error: unknown) => expect.fail(`a message did not arrive: ${error}; ${replay}`));
      expect(device.sockets.logins, `the session was cut; ${replay}`).toBe(logins);
      expect(crashes, `an error was not handled; ${replay}`).toEqual([]);
    }
    blocks.stop();
    expect(blocks.worst.ms, `the event loop was blocked; ${blocks.worst.work}`).toBeLessThan(maxBlockMs);
    expect(await gate.db.sql`select id, epoch from shards order by id`).toEqual(leases);
    await expectReadableEvents();
  },
  60_000 + rounds * 60,
);

/** Baileys' errors for messages whose chat or sender it can't tell (`Utils/decode-wa-message.js`). They are quarantined. */
const unattributed =
  /^Error: (receipient present, but msg not from me|No participant in group message|Unknown message type|Invalid message stanza)/;

/** Checks that each event matches its schema and fits the queue, and that no other stanza had to be quarantined. */
async function expectReadableEvents(): Promise<void> {
  const { sql } = gate.db;
  const events = sql<{ id: string; type: EventType; data: unknown }[]>`
    select id, type, data from events where instance_id = ${instance} order by seq`.cursor(500);
  for await (const page of events) {
    for (const { id, type, data } of page) {
      const parsed = eventCatalog[type].data.safeParse(data);
      expect(parsed.error, `event ${id} of type ${type} does not match its schema`).toBeUndefined();
      const content = contentField.safeParse((data as { content?: unknown }).content ?? null);
      expect(content.error, `the content of event ${id} does not match its schema`).toBeUndefined();
    }
  }
  expect([...(await sql`select id, type from events where parked_at is not null`)]).toEqual([]);
  const refused = await sql<{ error: string }[]>`select kind, stanza_id, error from refused_stanzas`;
  expect(refused.filter(({ error }) => !unattributed.test(error))).toEqual([]);
}
