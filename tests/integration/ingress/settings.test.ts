import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCall } from "../../../simulator/phone/owner/call.ts";
import { type Ingress, startIngress } from "../../support/ingress/ingress-gateway.ts";
import { newKey } from "../../support/ingress/rejections.ts";
import { until } from "../../support/until.ts";

let ingress: Ingress;
beforeAll(async () => {
  ingress = await startIngress();
});
afterAll(() => ingress?.stop());

/** Sends a command, and returns the reply that ends it. */
async function run(command: string, input: object = {}, given: object = {}) {
  const request = ingress.message({ command, input, ...given });
  await ingress.client.put(request);
  return await until(async () =>
    ingress.client.replies().find(({ id, status }) => id === request.id && status !== "accepted"),
  );
}

const change = (input: object) => run("instance.updateSettings", input);
const shownByRest = async () => {
  const { gate, instanceId } = ingress;
  const gateway = (await gate.api("GET", `/api/instance/${instanceId}/settings`)).body.data;
  const multiInstance = (await gate.api("GET", `/api/instances/${instanceId}/settings`)).body.settings;
  return [gateway, multiInstance];
};

/** A change, the value that is then in use, and the value in use after the setting was reset. */
const cases: { name: string; set: object; shown: unknown; reset: object; initial: unknown; entry?: string }[] = [
  {
    name: "rejectCalls",
    set: { rejectCalls: { message: "Write to us" } },
    shown: { message: "Write to us", groups: true, answerAfterHours: 24 },
    reset: { rejectCalls: null },
    initial: null,
  },
  {
    name: "autoRead",
    set: { autoRead: true },
    shown: { direct: true, groups: true, statuses: false },
    reset: { autoRead: null },
    initial: null,
  },
  {
    name: "ignore",
    set: { ignore: { groups: true, chats: ["+49 1555 000009"] } },
    shown: {
      ...{ groups: true, statuses: false, channels: false, broadcasts: false },
      chats: ["491555000009@s.whatsapp.net"],
    },
    reset: { ignore: null },
    initial: { groups: false, statuses: false, channels: false, broadcasts: false, chats: [] },
  },
  {
    name: "metadata",
    set: { metadata: { tenant: "acme" } },
    shown: { tenant: "acme" },
    reset: { metadata: null },
    initial: {},
  },
  {
    name: "timezone",
    set: { timezone: "Europe/Berlin" },
    shown: "Europe/Berlin",
    reset: { timezone: null },
    initial: null,
  },
  {
    name: "pace",
    entry: "pace.perMinute",
    set: { pace: { perMinute: 30 } },
    shown: 30,
    reset: { pace: null },
    initial: null,
  },
  {
    name: "retention",
    entry: "retention.messages",
    set: { retention: { messages: 3 } },
    shown: 3,
    reset: { retention: null },
    initial: null,
  },
  { name: "history", set: { history: "recent" }, shown: "recent", reset: { history: null }, initial: "none" },
  {
    name: "deviceName",
    set: { deviceName: "Front desk" },
    shown: "Front desk",
    reset: { deviceName: "" },
    initial: null,
  },
  {
    name: "webhookSecret",
    set: { webhookSecret: "a-secret-of-the-caller" },
    shown: true,
    reset: { webhookSecret: null },
    initial: false,
  },
  {
    name: "webhookHeaders",
    set: { webhookHeaders: { "x-door": "a-value-of-the-caller" } },
    shown: ["x-door"],
    reset: { webhookHeaders: {} },
    initial: [],
  },
  {
    name: "webhookEvents",
    set: { webhookEvents: ["message_received", "call.received"] },
    shown: ["message.received", "call.received"],
    reset: { webhookEvents: null },
    initial: null,
  },
  {
    name: "webhookFilters",
    set: { webhookFilters: { groups: false } },
    shown: { groups: false },
    reset: { webhookFilters: {} },
    initial: {},
  },
  {
    name: "webhookTimeoutSeconds",
    set: { webhookTimeoutSeconds: 30 },
    shown: 30,
    reset: { webhookTimeoutSeconds: 15 },
    initial: 15,
  },
  { name: "notifyRead", set: { notifyRead: false }, shown: false, reset: { notifyRead: true }, initial: true },
  { name: "maxRetries", set: { maxRetries: 9 }, shown: 9, reset: { maxRetries: 5 }, initial: 5 },
  {
    name: "retryInterval",
    set: { retryInterval: 5_000 },
    shown: 5_000,
    reset: { retryInterval: 60_000 },
    initial: 60_000,
  },
  {
    name: "eventQueue",
    set: { eventQueue: "switchboard-events-shop.fifo" },
    shown: "switchboard-events-shop.fifo",
    reset: { eventQueue: "" },
    initial: null,
  },
];

describe("over SQS", () => {
  test.each(cases)("the setting $name is changed, and read over SQS and in both APIs, with its source", async (one) => {
    const entry = one.entry ?? one.name;
    const changed = { value: one.shown, source: "instance" };
    const { status, output } = await change(one.set);
    expect([status, output?.settings[entry]]).toEqual(["done", changed]);
    expect((await run("instance.settings")).output.settings[entry]).toEqual(changed);
    for (const shown of await shownByRest()) expect(shown[entry]).toEqual(changed);
    const after = await change(one.reset);
    expect(after.output.settings[entry]).toEqual({ value: one.initial, source: "default" });
    for (const shown of await shownByRest()) expect(shown).toEqual(after.output.settings);
  });

  test("rejects calls, and reconnects with another presence, although the host runs elsewhere", async () => {
    const { owner, bob } = ingress;
    await change({ rejectCalls: true });
    const call = startCall(bob, owner.number);
    await until(async () => call.states.get(owner.account) === "rejected" || undefined);
    await change({ presence: "available", rejectCalls: null });
    await until(async () => owner.account.available || undefined);
    await change({ presence: null });
    await until(async () => !owner.account.available || undefined);
  });

  test("no secret of a change is readable in the database, its log of activity or its audit log", async () => {
    const { gate, instanceId } = ingress;
    const secrets = { webhookSecret: "hush-1", webhookHeaders: { "x-key": "hush-2" } };
    const proxy = "http://ann:hush-3@proxy.example.com:8080";
    expect(
      (await run("instance.updateSettings", { ...secrets, proxy }, { instanceId: await gate.createInstance() })).status,
    ).toBe("done");
    for (const table of ["commands", "idempotency_keys", "events", "audit_log", "activities", "replies", "instances"]) {
      const rows = await gate.db.sql`select t::text as row from ${gate.db.sql(table)} t`;
      expect(JSON.stringify(rows), table).not.toContain("hush-");
    }
    const [entry] = await gate.db.sql`
      select fields from audit_log where operation = 'instance.updateSettings' order by at desc limit 1`;
    expect(entry?.fields).toEqual(["webhookSecret", "webhookHeaders", "proxy"]);
    expect(instanceId).toBeTruthy();
  });

  test.each<[string, string, object, ((() => Promise<object>) | undefined)?, object?]>([
    ["a private proxy", "url_not_allowed", { proxy: "http://10.0.0.1:8080" }],
    ["a queue of the gateway itself", "invalid_request", { eventQueue: "switchboard-command-0.fifo" }],
    ["a reserved header", "invalid_request", { webhookHeaders: { "webhook-id": "1" } }],
    ["an unknown event", "invalid_request", { webhookEvents: ["nothing_happened"] }],
    ["an unknown setting", "invalid_request", { rejectCall: true }],
    ["a wrong time zone", "invalid_request", { timezone: "Mars/Olympus" }],
    ["a key without the scope", "forbidden", { autoRead: true }, async () => ({ scopes: ["instances:read"] })],
    ["a key that may only read", "forbidden", { autoRead: true }, async () => ({ permissions: ["read"] })],
    ["an option of messages", "invalid_request", { autoRead: true }, undefined, { priority: "high" }],
  ])("a change is rejected for %s, and changes nothing", async (_what, code, input, limits, options) => {
    const before = await shownByRest();
    const given = limits ? { apiKey: await newKey(ingress.gate, await limits()) } : options;
    const reply = await run("instance.updateSettings", input, given);
    expect([reply.status, reply.error?.code]).toEqual(["rejected", code]);
    expect(await shownByRest()).toEqual(before);
  });

  test("a repeated change doesn't undo what was changed since", async () => {
    const first = ingress.message({ command: "instance.updateSettings", input: { timezone: "Asia/Seoul" } });
    await ingress.client.put(first);
    await ingress.client.reply(first.id, "done");
    await change({ timezone: "Europe/Paris" });
    await ingress.client.put(first);
    await until(
      async () => ingress.client.replies().filter(({ id, status }) => id === first.id && status === "done")[1],
    );
    expect((await shownByRest())[0].timezone.value).toBe("Europe/Paris");
  });
});
