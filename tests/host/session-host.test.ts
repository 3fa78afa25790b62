import { afterAll, beforeAll, expect, test } from "vitest";
import { createLogger } from "../../core/log.ts";
import { startHost } from "../../session-host/host/start.ts";
import { type Stack, startStack } from "../support/session-host/setup.ts";
import { until } from "../support/until.ts";

let stack: Stack;
let host: Awaited<ReturnType<typeof startHost>>;
beforeAll(async () => {
  stack = await startStack();
  host = await startHost(stack.config, createLogger("host", stack.env.LOG_LEVEL));
}, 60_000);
afterAll(async () => {
  await host?.stop();
  await stack?.stop();
}, 60_000);

test("a scanned instance connects, and texts arrive in both directions", async () => {
  const [alice, bob] = await Promise.all([
    stack.wa.addPhone({ number: "4915550000001", pushName: "Alice" }),
    stack.wa.addPhone({ number: "4915550000002", pushName: "Bob" }),
  ]);
  const id = await stack.createInstance();
  await alice.scanQr(await stack.qr(id));
  await stack.status(id, "connected");

  const { messageId } = await stack.accept(id, "message.sendText", { to: "+49 1555 0000002", text: "out" });
  const arrived = await bob.waitFor((message) => message.text === "out");
  expect(arrived.id).toBe(messageId);
  await until(async () => {
    const [row] = await stack.db.sql`select status from messages where wa_id = ${messageId}`;
    return row?.status === "delivered" || undefined;
  });

  const sent = await bob.sendText("4915550000001", "in");
  await bob.waitForStatus(sent, "delivered");
  const rows = await until(async () => {
    const found = await stack.db.sql`select chat_id, sender_id, body, status from messages where not from_me`;
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
  const events = await stack.db.sql`select seq::int, type from events order by seq`;
  expect(events.map((event) => event.type)).toContain("message.received");
  expect(stack.wa.unknown).toEqual([]);
}, 60_000);
