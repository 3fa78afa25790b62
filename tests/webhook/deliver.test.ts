import { createHmac } from "node:crypto";
import pino from "pino";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { sealedPlace } from "../../core/crypto/sealed-place.ts";
import { openDatabase } from "../../core/db/index.ts";
import { createEgress } from "../../core/egress/index.ts";
import { mediaKey } from "../../core/media/index.ts";
import { attemptTimeoutMs } from "../../core/webhook/delivery/attempt.ts";
import { handler } from "../../functions/webhook/index.ts";
import { lambdaContext } from "../../local/lambda/context.ts";
import { receiverOfTest } from "../support/network/receiver-of-test.ts";
import type { Answerer } from "../support/network/webhook-receiver.ts";
import { noServer, sqsEvent, startWorld, text, type World } from "../support/webhook/delivery-setup.ts";

// The tests use a real database, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const bodies = (received: { body: string }[]) => received.map(({ body }) => JSON.parse(body).data.body);

/** Responds with 500 to the text "2" and with 200 to any other. */
const rejectText2: Answerer = (one, response) => response.writeHead(one.body.includes('"body":"2"') ? 500 : 200).end();

/** Copied word for word from the Gateway API document. */
function verifyWebhook(payload: unknown, signature: string, secret: string) {
  const hash = createHmac("sha256", secret).update(JSON.stringify(payload)).digest("hex");
  return hash === signature;
}

/** Verifies a signature as the Standard Webhooks specification requires of receivers. */
function verifyStandard(headers: Record<string, string>, body: string, key: Buffer) {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const [version, signature] = (headers["webhook-signature"] ?? "").split(",");
  return version === "v1" && signature === createHmac("sha256", key).update(signed).digest("base64");
}

test.each(["multi-instance", "gateway"] as const)(
  "%s: an event is delivered once with both signatures",
  async (dialect) => {
    const receiver = await receiverOfTest();
    const secret = `whsec_${Buffer.from("a secret of some length").toString("base64")}`;
    const instance = await world.instance({ url: receiver.url, dialect, secret });
    const record = world.record(instance, "message.received", text("안녕 Привет 👋\u0000\u2028"));
    expect(await world.handle([record])).toEqual([]);

    const [one, ...others] = receiver.received;
    if (!one) throw new Error("no request was received");
    expect(others).toEqual([]);
    expect(one).toMatchObject({ method: "POST", path: "/webhook" });
    expect(one.headers).toMatchObject({ "content-type": "application/json", "user-agent": "Switchboard-Webhook/1" });
    expect(verifyWebhook(JSON.parse(one.body), one.headers["x-webhook-signature"] ?? "", secret)).toBe(true);
    expect(verifyWebhook(JSON.parse(one.body), one.headers["x-webhook-signature"] ?? "", "other")).toBe(false);
    expect(verifyStandard(one.headers, one.body, Buffer.from("a secret of some length"))).toBe(true);
    expect(Math.abs(Number(one.headers["webhook-timestamp"]) - world.clock.now().getTime() / 1000)).toBeLessThan(10);

    const [delivery] = await world.deliveries(instance);
    expect(delivery).toMatchObject({ status: "succeeded", attempts: 1, body: one.body, id: one.headers["webhook-id"] });
    expect(await world.attempts(one.headers["webhook-id"] ?? "")).toMatchObject([
      { number: 1, status: 200, error: null, response: "ok" },
    ]);
  },
);

test("without a secret a delivery has an id and a timestamp but no signature", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  await world.handle(world.texts(instance, 1));
  const names = Object.keys(receiver.received[0]?.headers ?? {});
  expect(names).toEqual(expect.arrayContaining(["webhook-id", "webhook-timestamp"]));
  expect(names.filter((name) => name.includes("signature"))).toEqual([]);
});

test("the instance's custom headers are sent but do not replace the gateway's", async () => {
  const receiver = await receiverOfTest();
  const headers = {
    Authorization: "Bearer mine",
    "Webhook-Id": "forged",
    Host: "inside",
    "content-type": "text/plain",
  };
  const instance = await world.instance({ url: receiver.url, headers });
  await world.handle(world.texts(instance, 1));
  const sent = receiver.received[0]?.headers;
  expect(sent).toMatchObject({ authorization: "Bearer mine", "content-type": "application/json" });
  expect(sent?.["webhook-id"]).not.toBe("forged");
  expect(sent?.host).toBe(`127.0.0.1:${receiver.port}`);
});

test("the correlation id is in the header and log line of each attempt and can't be overridden", async () => {
  const receiver = await receiverOfTest(500);
  const instance = await world.instance({ url: receiver.url, headers: { "X-Correlation-Id": "forged" } });
  const { messageId, body } = world.record(instance, "message.received", text("1"));
  const [, ofEarlierVersion] = world.texts(instance, 2);
  const lines: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
  const withCorrelationId = JSON.stringify({ ...JSON.parse(body), correlationId: "order-4711" });
  await world.handle([{ messageId, body: withCorrelationId }], { log });
  receiver.answer(200);
  world.clock.advance(60_000);
  await world.wake({}, { log });
  await world.handle([ofEarlierVersion ?? { messageId, body }], { log });
  expect(receiver.received.map(({ headers }) => headers["x-correlation-id"])).toEqual([
    "order-4711",
    "order-4711",
    undefined,
  ]);
  const attempts = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "webhook attempt");
  expect(attempts.map(({ correlationId, verdict }) => [correlationId, verdict])).toEqual([
    ["order-4711", "pending"],
    ["order-4711", "succeeded"],
    [null, "succeeded"],
  ]);
});

test("a QR code is delivered in plaintext and stored encrypted", async () => {
  const receiver = await receiverOfTest(500);
  const instance = await world.instance({ url: receiver.url });
  const sealedQr = world.vault.seal(Buffer.from("2@the-code"), sealedPlace.qr(instance)).toString("base64");
  await world.handle([world.record(instance, "connection.qr", { sealedQr, expiresAt: "2030-01-01T00:00:00.000Z" })]);
  receiver.answer(200);
  world.clock.advance(60_000);
  await world.wake();
  expect(receiver.received.map(({ body }) => JSON.parse(body).data.qrCode)).toEqual(["2@the-code", "2@the-code"]);
  const [delivery] = await world.deliveries(instance);
  expect(delivery?.status).toBe("succeeded");
  expect(delivery?.body).not.toContain("the-code");
});

test("events of one instance are delivered by sequence number, whatever their order in the batch", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  const records = world.texts(instance, 10);
  await world.handle([...records].reverse());
  expect(bodies(receiver.received)).toEqual(records.map((_, index) => String(index + 1)));
});

test("a redelivered queue record is not delivered again, whatever the state of its delivery", async () => {
  const receiver = await receiverOfTest(rejectText2);
  const instance = await world.instance({ url: receiver.url });
  const records = world.texts(instance, 3);
  expect(await world.handle(records)).toEqual([]);
  expect(await world.handle(records)).toEqual([]);
  expect(await Promise.all([world.handle(records), world.handle(records)])).toEqual([[], []]);
  expect(bodies(receiver.received)).toEqual(["1", "2", "3"]);
  expect((await world.deliveries(instance)).map(({ status }) => status)).toEqual(["succeeded", "pending", "succeeded"]);
});

test("an event is not delivered again after the URL changed", async () => {
  const [first, second] = [await receiverOfTest(), await receiverOfTest()];
  const instance = await world.instance({ url: first.url });
  const records = world.texts(instance, 1);
  await world.handle(records);
  await world.db.sql`update instances set webhook_url = ${second.url} where id = ${instance}`;
  await world.handle(records);
  expect([first.received.length, second.received.length]).toEqual([1, 0]);
});

test("events of an instance that is missing or has no enabled webhook are skipped", async () => {
  const off = await world.instance({ url: "http://127.0.0.1:9/", enabled: false });
  const none = await world.instance({ url: null });
  const gone = "0198c5a0-0000-7000-8000-00000000dead";
  expect(await world.handle([off, none, gone].flatMap((id) => world.texts(id, 1)))).toEqual([]);
  expect([...(await world.deliveries(off)), ...(await world.deliveries(none))]).toEqual([]);
});

test("an invalid record is retried until it reaches the dead-letter queue, without affecting other records", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  const [good, later] = world.texts(instance, 2);
  if (!good || !later) throw new Error("expected two records");
  const malformed = [
    { messageId: "no-json", body: "{" },
    { messageId: "no-event", body: "{}" },
    { messageId: "no-type", body: later.body.replace("message.received", "message.invented") },
    { messageId: "no-data", body: JSON.stringify({ ...JSON.parse(later.body), data: { text: "x" } }) },
  ];
  expect(await world.handle([good, ...malformed, later])).toEqual(malformed.map(({ messageId }) => messageId));
  expect(bodies(receiver.received)).toEqual(["1", "2"]);
});

test("an event that can't be decrypted fails together with the instance's later events, without affecting other instances", async () => {
  const receiver = await receiverOfTest();
  const [broken, healthy, wrongSecret] = [
    await world.instance({ url: receiver.url }),
    await world.instance({ url: receiver.url }),
    await world.instance({ url: receiver.url }),
  ];
  await world.db.sql`update instances set webhook_secret = '\\x00' where id = ${wrongSecret}`;
  const expiresAt = "2030-01-01T00:00:00.000Z";
  const before = world.texts(broken, 1);
  const stuck = [
    world.record(broken, "connection.qr", { sealedQr: "AAAA", expiresAt }),
    ...world.texts(broken, 1),
    ...world.texts(wrongSecret, 1),
  ];
  const failed = await world.handle([...before, ...stuck, ...world.texts(healthy, 1)]);
  expect(new Set(failed)).toEqual(new Set(stuck.map(({ messageId }) => messageId)));
  expect(receiver.received).toHaveLength(2);
});

test("every record is retried while the database is unavailable", async () => {
  const records = world.texts(await world.instance({ url: "http://127.0.0.1:9/" }), 3);
  const unavailable = openDatabase("postgres://127.0.0.1:1/none");
  expect(await world.handle(records, { db: unavailable })).toEqual(records.map(({ messageId }) => messageId));
  await unavailable.close();
});

test("both secrets sign during a rotation, and only the new secret signs afterwards", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url, secret: "new" });
  const sealed = world.vault.seal(Buffer.from("old"), sealedPlace.webhookPreviousSecret(instance));
  const until = new Date(world.clock.now().getTime() + 60_000);
  await world.db.sql`
    update instances set webhook_previous_secret = ${sealed}, webhook_previous_secret_until = ${until.toISOString()}
    where id = ${instance}`;
  await world.handle(world.texts(instance, 1));
  world.clock.advance(60_000);
  await world.handle(world.texts(instance, 1));
  const [during, after] = receiver.received;
  if (!during || !after) throw new Error("expected two requests");
  for (const [index, secret] of ["new", "old"].entries()) {
    const one = during.headers["webhook-signature"]?.split(" ")[index] ?? "";
    const headers = { ...during.headers, "webhook-signature": one };
    expect(verifyStandard(headers, during.body, Buffer.from(secret))).toBe(true);
  }
  const signed = (name: string, secret: string) =>
    verifyWebhook(JSON.parse(during.body), during.headers[name] ?? "", secret);
  expect([signed("x-webhook-signature", "new"), signed("x-webhook-signature-previous", "old")]).toEqual([true, true]);
  expect(verifyStandard(after.headers, after.body, Buffer.from("new"))).toBe(true);
  expect(after.headers).not.toHaveProperty("x-webhook-signature-previous");
});

test("the URL of a file leads to the API and is valid for a week, so that the last retry can use it", async () => {
  const receiver = await receiverOfTest(200);
  const instance = await world.instance({ url: receiver.url });
  const media = { mimetype: "image/jpeg", filename: null, size: 3, sha256: "ab", storageKey: mediaKey(instance, "A") };
  const event = world.record(instance, "message.received", { ...text("Look"), media });
  await world.handle([event], { publicUrl: "https://api.example.com/base" });
  const { url, urlExpiresAt } = JSON.parse(receiver.received[0]?.body ?? "").data.media;
  expect(url).toMatch(/^https:\/\/api\.example\.com\/base\/api\/files\/A\?token=[\w-]+$/);
  expect(Date.parse(urlExpiresAt) - world.clock.now().getTime()).toBeGreaterThan(6.9 * 24 * 60 * 60 * 1000);
});

test("without the URL of the API, the URL of a file leads to the bucket for six hours, and a retry has the same URL", async () => {
  const receiver = await receiverOfTest(500);
  const instance = await world.instance({ url: receiver.url });
  const media = { mimetype: "image/jpeg", filename: null, size: 3, sha256: "ab", storageKey: "media/x/y" };
  await world.handle([world.record(instance, "message.received", { ...text("Look"), media })]);
  receiver.answer(200);
  world.clock.advance(60_000);
  await world.wake();
  const [first, second] = receiver.received;
  expect(second?.body).toBe(first?.body);
  const { url, urlExpiresAt } = JSON.parse(first?.body ?? "").data.media;
  expect(Object.fromEntries(new URL(url).searchParams)).toMatchObject({ "X-Amz-Expires": "21600" });
  expect(Date.parse(urlExpiresAt) - world.clock.now().getTime()).toBeGreaterThan(5.9 * 60 * 60 * 1000);
});

test("each successful delivery is counted once for the owner, per 15 minutes", async () => {
  const receiver = await receiverOfTest(rejectText2);
  const instance = await world.instance({ url: receiver.url });
  const records = world.texts(instance, 3);
  await world.handle(records);
  await world.handle(records);
  world.clock.advance(15 * 60_000);
  receiver.answer(200);
  await world.wake();
  const rows = await world.db.sql`
    select user_id, lane, webhook_sent, extract(minute from slot)::int % 15 as past, extract(second from slot)::int as seconds
    from usage where instance_id = ${instance} order by slot`;
  const common = { user_id: world.userId, lane: 1, past: 0, seconds: 0 };
  expect(rows).toEqual([
    { ...common, webhook_sent: 2 },
    { ...common, webhook_sent: 1 },
  ]);
});

test("a redirect is a failure and is not followed", async () => {
  const target = await receiverOfTest();
  const receiver = await receiverOfTest((_, response) => response.writeHead(307, { location: target.url }).end());
  const instance = await world.instance({ url: receiver.url });
  await world.handle(world.texts(instance, 1));
  const [delivery] = await world.deliveries(instance);
  expect(delivery).toMatchObject({ status: "pending", attempts: 1 });
  expect(await world.attempts(delivery?.id ?? "")).toMatchObject([{ status: 307, error: "the endpoint answered 307" }]);
  expect(target.connections).toBe(0);
});

test("a private address that is not allowed is blocked, and the block is logged as an attempt", async () => {
  const receiver = await receiverOfTest();
  const egress = createEgress({ allow: [] });
  const urls = [receiver.url, `http://[::ffff:127.0.0.1]:${receiver.port}/`, `http://localhost:${receiver.port}/`];
  for (const url of urls) {
    const instance = await world.instance({ url });
    await world.handle(world.texts(instance, 1), { egress });
    const [delivery] = await world.deliveries(instance);
    expect(delivery).toMatchObject({ status: "pending", attempts: 1 });
    const [attempt] = await world.attempts(delivery?.id ?? "");
    expect(attempt).toMatchObject({ status: null, error: expect.stringMatching(/^url_not_allowed: .*EGRESS_ALLOW/) });
  }
  await egress.close();
  expect(receiver.connections).toBe(0);
});

test("an endless response is truncated, and its status decides the outcome", async () => {
  let closed = false;
  const receiver = await receiverOfTest((_, response) => {
    response.writeHead(200, { "content-length": String(100 * 1024 * 1024) });
    const more = () => {
      while (!response.destroyed && response.write("é".repeat(8192)));
    };
    response.on("drain", more);
    response.on("close", () => {
      closed = true;
    });
    more();
  });
  const instance = await world.instance({ url: receiver.url });
  await world.handle(world.texts(instance, 1));
  const [delivery] = await world.deliveries(instance);
  expect(delivery?.status).toBe("succeeded");
  expect(await world.attempts(delivery?.id ?? "")).toMatchObject([{ status: 200, response: "é".repeat(1024) }]);
  await vi.waitFor(() => expect(closed).toBe(true));
});

test("a response body that stalls is not awaited, and its status decides the outcome", async () => {
  const receiver = await receiverOfTest((_, response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write("half\u0000");
  });
  const instance = await world.instance({ url: receiver.url });
  const started = performance.now();
  await world.handle(world.texts(instance, 1));
  expect(performance.now() - started).toBeLessThan(10_000);
  const [delivery] = await world.deliveries(instance);
  expect(await world.attempts(delivery?.id ?? "")).toMatchObject([{ status: 200, response: "half\ufffd" }]);
});

test("a receiver that sends headers byte by byte times out without affecting other instances", async () => {
  const slow = await receiverOfTest((_, response) => {
    response.socket?.write("HTTP/1.1 200 OK\r\nX-Slow: ");
    const timer = setInterval(() => response.socket?.write("x"), 50);
    response.on("close", () => clearInterval(timer));
  });
  const fast = await receiverOfTest();
  const [stuck, healthy] = [await world.instance({ url: slow.url }), await world.instance({ url: fast.url })];
  const started = performance.now();
  const handled = world.handle([...world.texts(stuck, 1), ...world.texts(healthy, 3)], { timeoutMs: 1_500 });
  await fast.count(3);
  expect(performance.now() - started).toBeLessThan(5_000);
  await vi.waitFor(async () =>
    expect((await world.deliveries(healthy)).map(({ status }) => status)).toEqual(Array(3).fill("succeeded")),
  );
  await handled;
  const [delivery] = await world.deliveries(stuck);
  const [attempt] = await world.attempts(delivery?.id ?? "");
  expect(attempt).toMatchObject({ status: null, error: expect.stringMatching(/^timeout: /) });
  expect(attempt?.duration_ms).toBeGreaterThan(1_400);
  expect(attempt?.duration_ms).toBeLessThan(10_000);
  expect(attemptTimeoutMs).toBe(15_000);
});

test("near the function's deadline no delivery starts, and the remaining deliveries are due at once", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  const { deliverEvents } = await import("../../core/webhook/delivery/deliver.ts");
  const records = world.texts(instance, 2).map(({ messageId, body }) => ({ id: messageId, body }));
  expect(await deliverEvents(world.deps, records, { budgetMs: 10_000 })).toEqual(new Set());
  expect(receiver.received).toEqual([]);
  await world.wake();
  expect(bodies(receiver.received)).toEqual(["1", "2"]);
});

test("the exported Lambda handler takes its configuration from the environment", async () => {
  const receiver = await receiverOfTest();
  vi.stubEnv("DATABASE_URL", world.url);
  vi.stubEnv("MASTER_KEY_FILE", world.masterKeyFile);
  vi.stubEnv("EGRESS_ALLOW", "127.0.0.0/8");
  vi.stubEnv("SQS_ENDPOINT", noServer);
  vi.stubEnv("LOG_LEVEL", "silent");
  const instance = await world.instance({ url: receiver.url, secret: "plain" });
  const event = sqsEvent([...world.texts(instance, 2), { messageId: "no-event", body: "?" }]);
  expect(await handler(event, lambdaContext("webhook", 60_000))).toEqual({
    batchItemFailures: [{ itemIdentifier: "no-event" }],
  });
  expect(bodies(receiver.received)).toEqual(["1", "2"]);
  vi.unstubAllEnvs();
});
