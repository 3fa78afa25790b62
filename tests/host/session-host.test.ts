import { afterAll, beforeAll, expect, test } from "vitest";
import { createLogger } from "../../core/log.ts";
import { startHost } from "../../session-host/host/start.ts";
import { type HostSetup, startHostSetup } from "../support/session-host/setup.ts";
import { until } from "../support/until.ts";

let setup: HostSetup;
let host: Awaited<ReturnType<typeof startHost>>;
beforeAll(async () => {
  setup = await startHostSetup();
  host = await startHost(setup.config, createLogger("host", setup.env.LOG_LEVEL));
}, 60_000);
afterAll(async () => {
  await host?.stop();
  await setup?.stop();
}, 60_000);

test("an instance connects after its QR code is scanned, and texts arrive in both directions", async () => {
  const [alice, bob] = await Promise.all([
    setup.wa.addPhone({ number: "4915550000001", pushName: "Alice" }),
    setup.wa.addPhone({ number: "4915550000002", pushName: "Bob" }),
  ]);
  const id = await setup.createInstance();
  await alice.scanQr(await setup.qr(id));
  await setup.status(id, "connected");

  const { messageId } = await setup.accept(id, "message.sendText", { to: "+49 1555 0000002", text: "out" });
  const arrived = await bob.waitFor((message) => message.text === "out");
  expect(arrived.id).toBe(messageId);
  await until(async () => {
    const [row] = await setup.db.sql`select status from messages where wa_id = ${messageId}`;
    return row?.status === "delivered" || undefined;
  });

  const sent = await bob.sendText("4915550000001", "in");
  await bob.waitForStatus(sent, "delivered");
  const rows = await until(async () => {
    const found = await setup.db.sql`select chat_id, sender_id, body, status from messages where not from_me`;
    return found.length > 0 ? [...found] : undefined;
  });
  expect(rows).toEqual([
    {
      chat_id: "4915550000002@s.whatsapp.net",
      sender_id: "4915550000002@s.whatsapp.net",
      body: "in",
      status: "received",
    },
  ]);
  const events = await setup.db.sql`select seq::int, type from events order by seq`;
  expect(events.map((event) => event.type)).toContain("message.received");
  expect(setup.wa.unknown).toEqual([]);
}, 60_000);
