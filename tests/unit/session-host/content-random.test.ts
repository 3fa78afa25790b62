import { proto } from "@whiskeysockets/baileys";
import { describe, expect, test } from "vitest";
import { type EventType, eventCatalog } from "../../../core/event/catalog/index.ts";
import { fittedJson } from "../../../core/event/fit.ts";
import { contentField } from "../../../core/message/content/index.ts";
import { parseEvent } from "../../../core/webhook/body/event.ts";
import { gatewayBodies } from "../../../core/webhook/body/gateway.ts";
import { webhookBody } from "../../../core/webhook/body/index.ts";
import { multiInstanceBodies } from "../../../core/webhook/body/multi-instance.ts";
import { boundMessage } from "../../../session-host/inbound/bounds.ts";
import { registry } from "../../../session-host/inbound/content/index.ts";
import { messageFields, unwrap, wrapperFields } from "../../../session-host/inbound/content/unwrap.ts";
import { toRow } from "../../../session-host/inbound/message/journal.ts";
import { randomMessage } from "../../support/content/random.ts";
import { chooser } from "../../support/inbound-fuzz/values.ts";

/** Messages of each kind. The long form is `FUZZ_ROUNDS=1000`, with any `FUZZ_SEED`. */
const rounds = Number(process.env.FUZZ_ROUNDS ?? 12);
const seed = Number(process.env.FUZZ_SEED ?? 1);
/** An SQS message has at most 1 MiB. Webhooks have no limit. */
const maxEventBytes = 950_000;

const instanceId = "01a1ff38-f953-75da-86d8-a1122f8ae6a2";
const origin = {
  ...{ instanceId, me: { id: "4915550000001@s.whatsapp.net", lid: "99@lid" }, pushName: "Bob", seconds: 1_800_000_000 },
  key: { remoteJid: "4915550000002@s.whatsapp.net", id: "3EB0", fromMe: false },
};
const noNotices = { notifyReceived: true, notifySent: true, notifyDelivery: true, notifyRead: true };
const dialects = { gateway: gatewayBodies, "multi-instance": multiInstanceBodies };

/** Most protocol messages are for the app itself. */
const mayBeSilent = (field: string) => field === "protocolMessage";

async function check(field: string, encoded: Buffer): Promise<void> {
  const message = proto.Message.decode(encoded);
  const cuts = boundMessage(message);
  const row = await toRow(origin, { message, opened: unwrap(message, encoded), encoded, ...cuts }, async () => null);
  if (!row && mayBeSilent(field)) return;
  if (!row?.event) throw new Error("there is no event");
  // The schema of events replaces content that does not fit by null.
  expect(contentField.parse(row.content)).toEqual(row.content);
  const json = fittedJson(row.event.data);
  expect(Buffer.byteLength(json)).toBeLessThan(maxEventBytes);
  const data = JSON.parse(json);
  expect(contentField.safeParse(data.content).error).toBeUndefined();
  eventCatalog[row.event.type as EventType].data.parse(data);
  const envelope = { v: 1, id: instanceId, instanceId, seq: 1, type: row.event.type, data, correlationId: null };
  const event = parseEvent(JSON.stringify({ ...envelope, at: "2027-01-15T08:00:00.000Z" }));
  for (const [dialect, bodies] of Object.entries(dialects)) {
    const context = { dialect: dialect as keyof typeof dialects, ownJid: null, openQr: String, ...noNotices };
    const body = JSON.parse(webhookBody(event, context, null) ?? "null");
    expect(bodies[body.event]?.safeParse(body).error, dialect).toBeUndefined();
  }
}

const parsed = messageFields.filter((field) => typeof registry[field] === "function");

describe("random messages of each kind, in random wrappers, always make a valid event and valid webhooks", () => {
  test.each(parsed)("%s", async (field) => {
    for (let round = 0; round < rounds; round++) {
      const choose = chooser(Math.imul(seed, 0x9e3779b1) + round);
      const encoded = randomMessage(choose, field, wrapperFields);
      try {
        await check(field, encoded);
      } catch (error) {
        throw new Error(`FUZZ_SEED=${seed}, round ${round}: ${encoded.subarray(0, 2_000).toString("base64")}`, {
          cause: error,
        });
      }
    }
  });
});
