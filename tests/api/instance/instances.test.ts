import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CommandName, commandCatalog } from "../../../core/command/catalog/index.ts";
import { sealedOutput } from "../../../core/command/result.ts";
import { qrOf, startApi, type TestApi } from "../../support/api/api.ts";
import { until } from "../../support/until.ts";

let api: TestApi;
let key: string;
let userId: string;
beforeAll(async () => {
  api = await startApi();
  ({ key, id: userId } = await api.user());
}, 60_000);
afterAll(() => api?.stop());

/** The account settings of an instance whose request has none. */
const defaultSettings = {
  metadata: {},
  timezone: null,
  rejectCalls: null,
  autoRead: null,
  ignore: { groups: false, statuses: false, channels: false, broadcasts: false, chats: [] },
  history: "none",
  retention: null,
  presence: "unavailable",
  proxy: null,
  deviceName: null,
  pace: { perMinute: null, newContactsPerDay: 250, minGapMs: 0, jitter: 0.3, typing: false },
};

const row = async (id: string) => (await api.db.sql`select * from instances where id = ${id}`)[0];
const commands = (id: string) =>
  api.db.sql<{ id: string; name: string; correlation_id: string }[]>`
    select id, name, correlation_id from commands where instance_id = ${id} order by created_at, id`;
const activity = async (id: string) =>
  (await api.request("GET", `/api/instances/${id}/activity`, { key })).body.logs.map(
    ({ action }: { action: string }) => action,
  );

/** Writes the result of an instance's next command, as the session host does. Returns the command's id. */
function endCommand(
  instanceId: string,
  name: CommandName,
  result: { output?: object; error?: string },
): Promise<string> {
  return until(async () => {
    const [queued] = await api.db.sql<{ id: string }[]>`
      select id from commands where instance_id = ${instanceId} and name = ${name} and status = 'queued'`;
    if (!queued) return undefined;
    const plain = result.output ?? {};
    const output = commandCatalog[name].secret && result.output ? sealedOutput(api.vault, queued.id, plain) : plain;
    await api.db.sql`
      update commands set status = ${result.error ? "failed" : "done"}, error_code = ${result.error ?? null},
        output = ${JSON.stringify(output)}::text::jsonb, finished_at = now()
      where id = ${queued.id}`;
    return queued.id;
  });
}

describe("creating", () => {
  test("returns the documented response, stores the settings, and queues the start command", async () => {
    const headers = { "x-request-id": "order-4711" };
    const body = {
      name: "Primary WhatsApp",
      description: "Corporate account",
      webhookUrl: "https://example.com/webhook",
      webhookEnabled: true,
      notifyReceived: true,
      notifySent: true,
      notifyDelivery: false,
      notifyRead: false,
      maxRetries: 3,
      retryInterval: 60000,
      webhookSecret: "optional-secret-key",
    };
    const answer = await api.request("POST", "/api/instances", { key, body, headers });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("x-request-id")).toBe("order-4711");
    const { id, createdAt, updatedAt } = answer.body;
    expect(answer.body).toEqual({
      id,
      name: "Primary WhatsApp",
      description: "Corporate account",
      userId,
      status: "connecting",
      webhookUrl: "https://example.com/webhook",
      webhookEnabled: true,
      eventQueue: null,
      ...defaultSettings,
      enabled: true,
      createdAt,
      updatedAt,
    });
    const stored = await row(id);
    expect(stored).toMatchObject({
      dialect: "multi-instance",
      desired: "running",
      notify_delivery: false,
      max_retries: 3,
    });
    expect(stored?.webhook_secret.includes("optional-secret-key")).toBe(false);
    expect(api.vault.open(stored?.webhook_secret, `webhook-secret:${id}`).toString()).toBe("optional-secret-key");
    const [start] = await commands(id);
    expect(start).toMatchObject({ name: "instance.start", correlation_id: "order-4711" });
    expect(await api.queued(id)).toEqual([start?.id]);
    expect(await activity(id)).toEqual(["instance_created"]);
  });

  test("without settings uses the defaults, and without a URL configures no webhook", async () => {
    const { body } = await api.request("POST", "/api/instances", { key, body: { name: "Bare" } });
    expect(body).toMatchObject({ description: "", webhookUrl: null, webhookEnabled: false });
    const { body: detail } = await api.request("GET", `/api/instances/${body.id}`, { key });
    expect(detail.webhookSettings).toEqual({
      notifyReceived: true,
      notifySent: true,
      notifyDelivery: true,
      notifyRead: true,
      maxRetries: 5,
      retryInterval: 60000,
      headerNames: [],
      hasSecret: false,
      previousSecretValidUntil: null,
    });
    const input = {
      name: "Hooked",
      webhookUrl: "https://example.com/w",
      webhookSettings: { maxRetries: 2, secret: "s" },
    };
    const hooked = await api.request("POST", "/api/instances", { key, body: input });
    expect(hooked.body.webhookEnabled).toBe(true);
    expect(await row(hooked.body.id)).toMatchObject({ max_retries: 2, webhook_secret: expect.any(Buffer) });
  });

  test("in the gateway dialect returns the documented response, and both dialects list the instance", async () => {
    const input = { name: "My WhatsApp Instance", webhookUrl: "https://your-webhook.com/webhook" };
    const { status, body } = await api.request("POST", "/api/instance/create", { key, body: input });
    expect(status).toBe(201);
    const { id, createdAt } = body.data;
    expect(body).toEqual({
      success: true,
      data: { id, ...input, eventQueue: null, ...defaultSettings, status: "disconnected", createdAt },
      message: "Instance created successfully. Please scan the QR code.",
    });
    expect(await row(id)).toMatchObject({ dialect: "gateway", webhook_enabled: true });
    const listed = (await api.request("GET", "/api/instances", { key })).body.instances;
    const mirrored = (await api.request("GET", "/api/instance", { key })).body.data;
    expect(listed.map((one: { id: string }) => one.id)).toContain(id);
    expect(mirrored.map((one: { id: string }) => one.id)).toEqual(listed.map((one: { id: string }) => one.id));
  });

  test("is undone if the queue fails, and a retry creates only one instance", async () => {
    const { deps } = api;
    const send = deps.queues.send;
    const user = await api.user();
    try {
      deps.queues.send = () => Promise.reject(new Error("the queue is away"));
      const answer = await api.request("POST", "/api/instances", { key: user.key, body: { name: "x" } });
      expect(answer).toMatchObject({ status: 503, body: { code: "unavailable" } });
    } finally {
      deps.queues.send = send;
    }
    expect((await api.request("GET", "/api/instances", { key: user.key })).body.instances).toEqual([]);
  });

  test.each([
    ["no name", {}],
    ["an empty name", { name: " " }],
    ["a name of another type", { name: 7 }],
    ["a name with a line break", { name: "a\r\nSet-Cookie: x=1" }],
    ["too many retries", { maxRetries: 51 }],
    ["a fraction of a retry", { maxRetries: 1.5 }],
    ["too short an interval", { retryInterval: 999 }],
    ["a URL of another scheme", { webhookUrl: "file:///etc/passwd" }],
    ["a script as URL", { webhookUrl: "javascript:alert(1)" }],
    ["a URL with a password", { webhookUrl: "https://user:password@example.com/" }],
    ["a URL with a space", { webhookUrl: "https://example.com/a b" }],
    ["a URL longer than 2,048 characters", { webhookUrl: `https://example.com/${"x".repeat(2048)}` }],
    ["a flag as text", { webhookEnabled: "true" }],
    ["nested settings of another type", { webhookSettings: [] }],
    ["a nested setting out of range", { webhookSettings: { retryInterval: 0 } }],
    ["an empty body", undefined],
  ])("rejects %s", async (what, part) => {
    const body = part === undefined ? undefined : what === "no name" ? part : { name: "x", ...part };
    const answer = await api.request("POST", "/api/instances", { key, body });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });
});

describe("updating", () => {
  const update = (id: string, body: unknown) => api.request("PUT", `/api/instances/${id}`, { key, body });

  test("changes the given fields, flat or nested, and keeps the others", async () => {
    const id = await api.instance(key);
    const answer = await update(id, {
      name: "New WhatsApp Name",
      description: "Updated description",
      webhookUrl: "https://new-example.com/webhook",
      webhookEnabled: true,
      webhookSettings: { notifySent: false, maxRetries: 5, retryInterval: 30000, secret: "new-secret-key" },
    });
    expect(answer.body).toEqual({
      id,
      name: "New WhatsApp Name",
      description: "Updated description",
      webhookUrl: "https://new-example.com/webhook",
      webhookEnabled: true,
      eventQueue: null,
      ...defaultSettings,
      enabled: true,
      updatedAt: answer.body.updatedAt,
    });
    await update(id, { notifyRead: false });
    const { body } = await api.request("GET", `/api/instances/${id}`, { key });
    expect(body).toMatchObject({ name: "New WhatsApp Name", webhookEnabled: true });
    expect(body.webhookSettings).toMatchObject({ notifySent: false, notifyRead: false, notifyReceived: true });
    expect(api.vault.open((await row(id))?.webhook_secret, `webhook-secret:${id}`).toString()).toBe("new-secret-key");
  });

  test("with a first URL enables the webhook unless the request disables it; an empty URL removes it", async () => {
    const [id, quiet] = [await api.instance(key), await api.instance(key)];
    expect((await update(id, { webhookUrl: "https://example.com" })).body.webhookEnabled).toBe(true);
    const disabled = { webhookUrl: "https://example.com", webhookEnabled: false };
    expect((await update(quiet, disabled)).body.webhookEnabled).toBe(false);
    expect((await update(id, { webhookUrl: "", webhookSecret: null })).body.webhookUrl).toBeNull();
  });
});

describe("the QR code", () => {
  test("is returned while a phone can scan it, and the instance's status says that it can be scanned", async () => {
    const id = await api.instance(key, "qr");
    for (const path of [`/api/instances/${id}/qr`, `/api/whatsapp/${id}/qr`]) {
      expect((await api.request("GET", path, { key })).body).toEqual({ qrCode: qrOf(id) });
    }
    const inGateway = await api.request("GET", `/api/instance/${id}/qr`, { key });
    expect(inGateway.body).toMatchObject({ success: true, data: { id, qrCode: qrOf(id) } });
    const status = await api.request("GET", `/api/whatsapp/${id}/status`, { key });
    expect(status.body).toEqual({
      ready: false,
      status: "qr",
      hasQr: true,
      reason: null,
      details: null,
      until: null,
    });
  });

  test.each(["as made", "connecting", "expired qr", "logged_out"] as const)(
    "gets 404 with the instance's status when the instance is %s",
    async (state) => {
      const id = await api.instance(key, state);
      const answer = await api.request("GET", `/api/instances/${id}/qr`, { key });
      const status = { "as made": "connecting", "expired qr": "qr" }[state as string] ?? state;
      expect(answer).toMatchObject({ status: 404, body: { code: "qr_not_available", instanceStatus: status } });
      expect((await api.request("GET", `/api/whatsapp/${id}/status`, { key })).body).toEqual({
        ready: false,
        status,
        hasQr: false,
        reason: null,
        details: null,
        until: null,
      });
    },
  );

  test("gets 409 once the instance is connected", async () => {
    const id = await api.instance(key, "connected");
    expect(await api.request("GET", `/api/whatsapp/${id}/qr`, { key })).toMatchObject({
      status: 409,
      body: { code: "instance_already_connected", instanceStatus: "connected" },
    });
    expect(await api.request("GET", `/api/instance/${id}/qr`, { key })).toMatchObject({
      status: 409,
      body: { success: false, code: "instance_already_connected", status: "connected" },
    });
  });
});

describe("an operation that waits for the session host", () => {
  const waiting = [
    [
      "POST",
      "/api/instances/{id}/reconnect",
      "instance.restart",
      (id: string) => ({ success: true, message: `Instance ${id} reconnected` }),
    ],
    [
      "POST",
      "/api/instances/{id}/logout",
      "instance.logout",
      (id: string) => ({ success: true, message: `Instance ${id} logged out` }),
    ],
    [
      "POST",
      "/api/instances/{id}/disable",
      "instance.stop",
      (id: string) => ({ success: true, message: `Instance ${id} disabled` }),
    ],
    ["POST", "/api/whatsapp/{id}/logout", "instance.logout", () => ({ success: true })],
    [
      "DELETE",
      "/api/instances/{id}",
      "instance.delete",
      (id: string) => ({ success: true, message: `Instance ${id} deleted successfully` }),
    ],
    [
      "POST",
      "/api/instance/{id}/restart",
      "instance.restart",
      (id: string) => ({ success: true, data: { id }, message: "Instance restarted successfully" }),
    ],
    [
      "POST",
      "/api/instance/{id}/logout",
      "instance.logout",
      (id: string) => ({ success: true, data: { id }, message: "Instance logged out successfully" }),
    ],
    [
      "DELETE",
      "/api/instance/{id}",
      "instance.delete",
      (id: string) => ({ success: true, data: { id }, message: "Instance deleted successfully" }),
    ],
  ] as const;

  test.each(waiting)(
    "%s %s returns the documented response when %s is done",
    async (method, path, command, expected) => {
      const id = await api.instance(key, "connected");
      const [answer] = await Promise.all([
        api.request(method, path.replace("{id}", id), { key }),
        endCommand(id, command, { output: {} }),
      ]);
      expect(answer).toMatchObject({ status: 200, body: expected(id) });
      expect(await api.queued(id)).toHaveLength(2);
    },
  );

  test.each(waiting)("%s %s returns 202 with a location while %s is open", async (method, path, command) => {
    const id = await api.instance(key, "connected");
    const { status, body } = await api.request(method, path.replace("{id}", id), { key, impatient: true });
    expect(status).toBe(202);
    const { commandId, location } = body.data ?? body;
    const open = await api.request("GET", location, { key });
    expect(open.body).toMatchObject({ id: commandId, instanceId: id, name: command, status: "queued", error: null });
    await endCommand(id, command, { error: "whatsapp_error" });
    const ended = await api.request("GET", location, { key });
    expect(ended.body).toMatchObject({ status: "failed", error: { code: "whatsapp_error" } });
    const stranger = await api.user();
    expect((await api.request("GET", location, { key: stranger.key })).status).toBe(403);
  });

  test("hides a deleted instance at once, before the host has removed the row", async () => {
    const id = await api.instance(key, "connected");
    const { body } = await api.request("DELETE", `/api/instances/${id}`, { key, impatient: true });
    expect(await row(id)).toMatchObject({ desired: "stopped", deleted_at: expect.anything() });
    const admin = await api.user({ role: "admin" });
    for (const [method, path] of [
      ["GET", `/api/instances/${id}`],
      ["DELETE", `/api/instances/${id}`],
      ["GET", `/api/instance/${id}/status`],
      ["POST", `/api/whatsapp/${id}/logout`],
    ] as const) {
      for (const ask of [{ key }, { key: admin.key }]) {
        expect(await api.request(method, path, ask)).toMatchObject({
          status: 404,
          body: { code: "instance_not_found" },
        });
      }
    }
    const listed = (await api.request("GET", "/api/instances", { key })).body.instances;
    expect(listed.map((one: { id: string }) => one.id)).not.toContain(id);
    await api.db.sql`delete from instances where id = ${id}`;
    const gone = await api.request("GET", body.location, { key });
    expect(gone).toMatchObject({ status: 404, body: { code: "command_not_found" } });
  });

  test("a delete is done when the host has removed the row", async () => {
    const id = await api.instance(key);
    const removed = until(async () => {
      const [row] = await api.db.sql<{ id: string }[]>`
        delete from instances where id = ${id} and deleted_at is not null
          and exists (select 1 from commands where instance_id = ${id} and name = 'instance.delete') returning id`;
      return row?.id;
    });
    const [answer] = await Promise.all([api.request("DELETE", `/api/instances/${id}`, { key }), removed]);
    expect(answer.status).toBe(200);
  });

  test("an instance is unchanged when its delete could not be queued", async () => {
    const id = await api.instance(key);
    const send = api.deps.queues.send;
    try {
      api.deps.queues.send = () => Promise.reject(new Error("the queue is away"));
      expect((await api.request("DELETE", `/api/instances/${id}`, { key })).status).toBe(503);
    } finally {
      api.deps.queues.send = send;
    }
    expect(await row(id)).toMatchObject({ deleted_at: null, desired: "running" });
    expect((await api.request("GET", `/api/instances/${id}`, { key })).status).toBe(200);
  });

  test("a reconnect restarts the session and is logged as an activity", async () => {
    const id = await api.instance(key, "logged_out");
    await api.db.sql`update instances set desired = 'stopped' where id = ${id}`;
    await api.request("POST", `/api/instances/${id}/reconnect`, { key, impatient: true });
    expect((await row(id))?.desired).toBe("running");
    expect(await activity(id)).toEqual(["reconnect_requested", "instance_created"]);
  });

  test("the response is the error that the host reports", async () => {
    const id = await api.instance(key, "qr");
    const [answer] = await Promise.all([
      api.request("POST", `/api/instance/${id}/pairing-code`, { key, body: { phoneNumber: "+62 812-3456-7890" } }),
      endCommand(id, "instance.requestPairingCode", { error: "instance_already_connected" }),
    ]);
    expect(answer).toMatchObject({ status: 409, body: { success: false, code: "instance_already_connected" } });
  });

  test("a pairing code is requested with the digits of the number and returned", async () => {
    const id = await api.instance(key, "qr");
    const output = { code: "ABCD1234", expiresAt: "2026-01-01T00:00:00.000Z" };
    const [answer] = await Promise.all([
      api.request("POST", `/api/instances/${id}/pairing-code`, { key, body: { phoneNumber: "+7 (900) 123-45-67" } }),
      endCommand(id, "instance.requestPairingCode", { output }),
    ]);
    expect(answer.body).toEqual({ pairingCode: "ABCD1234", expiresAt: output.expiresAt });
    const [command] = await api.db.sql<{ input: object }[]>`
      select input from commands where instance_id = ${id} and name = 'instance.requestPairingCode'`;
    expect(command?.input).toEqual({ phoneNumber: "79001234567" });
  });
});
