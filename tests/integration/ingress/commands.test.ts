import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { TestGateway } from "../../support/gateway/test-gateway.ts";
import { type Ingress, replyQueue, startIngress } from "../../support/ingress/ingress-gateway.ts";
import { newKey, rejections } from "../../support/ingress/rejections.ts";
import type { IngressClient } from "../../support/queue/ingress-client.ts";
import { until } from "../../support/until.ts";

let ingress: Ingress;
let gate: TestGateway;
let client: IngressClient;
let owner: Phone;
let bob: Phone;
let instanceId: string;
let apiKey: string;
let message: Ingress["message"];
let textsOf: Ingress["textsOf"];

beforeAll(async () => {
  ingress = await startIngress();
  ({ gate, client, owner, bob, instanceId, apiKey, message, textsOf } = ingress);
});
afterAll(() => ingress?.stop());

describe("commands over SQS", () => {
  test("a text reaches the phone and gets the replies `accepted` and then `done`", async () => {
    const request = message();
    const sqsId = await client.put(request);
    const done = await client.reply(request.id, "done");
    const accepted = await client.reply(request.id, "accepted");
    const arrived = await bob.waitFor(({ text }) => text === request.input.text);
    expect(accepted).toMatchObject({
      v: 1,
      instanceId,
      command: "message.sendText",
      messageId: arrived.id,
      runAt: null,
      correlationId: sqsId,
    });
    const { commandId, messageId } = accepted;
    expect(done).toMatchObject({ commandId, messageId, correlationId: sqsId, output: { messageId } });
    expect(client.replies().indexOf(accepted)).toBeLessThan(client.replies().indexOf(done));
    // The correlation id is the same from the queue message to the event.
    const delivery = await gate.receiver.waitFor(
      ({ body }) => body.data?.messageId === messageId || body.messageId === messageId,
    );
    const [event] = await gate.db.sql`
      select correlation_id from events where instance_id = ${instanceId} and data->>'messageId' = ${messageId} and type = 'message.sent'`;
    expect(event?.correlation_id).toBe(sqsId);
    expect(delivery.headers["webhook-id"]).toBeTruthy();
    expect((await gate.api("GET", `/api/commands/${commandId}`)).body).toMatchObject({ status: "done", messageId });
    const [kept] = await gate.db.sql`select * from commands where id = ${commandId}`;
    expect(JSON.stringify(kept)).not.toContain(apiKey);
  });

  test("the reply to a query has its output", async () => {
    const request = message({ command: "contact.check", input: { numbers: [bob.number, "491555999999"] } });
    await client.put(request);
    const { output, messageId } = await client.reply(request.id, "done");
    expect(messageId).toBeNull();
    expect(output.numbers).toMatchObject([
      { phone: bob.number, exists: true, jid: bob.jid },
      { phone: "491555999999", exists: false },
    ]);
  });

  test("a change takes effect and gets the reply `done`", async () => {
    const request = message({ command: "profile.setName", input: { name: "Ann by SQS" } });
    await client.put(request);
    expect(await client.reply(request.id, "done")).toMatchObject({ output: {} });
    await until(async () => owner.pushName === "Ann by SQS" || undefined);
  });

  test("a command that WhatsApp rejects gets the reply `failed` with the error code", async () => {
    const request = message({ command: "group.get", input: { group: "120363000000000000@g.us" } });
    await client.put(request);
    const { error } = await client.reply(request.id, "failed");
    expect(error).toMatchObject({ code: "group_not_found", title: "The group does not exist" });
  });

  test("messages of one message group are processed in order", async () => {
    const texts = Array.from({ length: 6 }, (_, at) => `in order ${at}`);
    for (const text of texts) {
      await client.put(message({ input: { to: bob.number, text } }), { group: instanceId });
    }
    const seen = () => bob.inbox.messages.flatMap(({ text }) => (text?.startsWith("in order") ? [text] : []));
    expect(await until(async () => (seen().length >= texts.length ? seen() : undefined))).toEqual(texts);
  });

  test("a scheduled command gets the reply `failed` when it is canceled", async () => {
    const runAt = new Date(Date.now() + 3_600_000).toISOString();
    const request = message({ runAt });
    await client.put(request);
    const { messageId } = await client.reply(request.id, "accepted").then((reply) => {
      expect(reply.runAt).toBe(runAt);
      return reply;
    });
    await gate.api("DELETE", `/api/whatsapp/${instanceId}/scheduled/${messageId}`);
    expect(await client.reply(request.id, "failed")).toMatchObject({ error: { code: "conflict" } });
    expect(textsOf(request)).toEqual([]);
  });

  test("a pairing code is readable in the reply and encrypted in the database", async () => {
    const unlinked = await gate.createInstance();
    await gate.qr(unlinked);
    const request = message({
      instanceId: unlinked,
      command: "instance.requestPairingCode",
      input: { phoneNumber: owner.number },
    });
    await client.put(request);
    const { output, commandId } = await client.reply(request.id, "done");
    expect(output.code).toMatch(/^[0-9A-Z]{8}$/);
    const [row] = await gate.db.sql`select output from commands where id = ${commandId}`;
    expect(JSON.stringify(row)).not.toContain(output.code);
  });

  test("deleting an instance fails its scheduled commands, and each gets a reply", async () => {
    const doomed = await gate.createInstance();
    await gate.qr(doomed);
    await gate.db.sql`update instances set linked_at = now() where id = ${doomed}`;
    const later = message({ instanceId: doomed, runAt: new Date(Date.now() + 3_600_000).toISOString() });
    await client.put(later);
    await client.reply(later.id, "accepted");
    const removal = message({ instanceId: doomed, command: "instance.delete", input: {} });
    await client.put(removal);
    expect(await client.reply(removal.id, "done")).toMatchObject({ output: {} });
    expect((await client.reply(later.id, "failed")).error.code).toMatch(/instance_not_(found|connected)/);
    const again = message({ instanceId: doomed, command: "instance.start", input: {} });
    await client.put(again);
    expect(await client.reply(again.id, "rejected")).toMatchObject({ error: { code: "instance_not_found" } });
  });

  test("an instance can be stopped and started", async () => {
    const one = await gate.createInstance();
    await gate.qr(one);
    const desired = async () => (await gate.db.sql`select desired from instances where id = ${one}`)[0]?.desired;
    const stop = message({ instanceId: one, command: "instance.stop", input: {} });
    await client.put(stop);
    await client.reply(stop.id, "done");
    expect(await desired()).toBe("stopped");
    const start = message({ instanceId: one, command: "instance.start", input: {} });
    await client.put(start);
    await client.reply(start.id, "done");
    expect(await desired()).toBe("running");
    // A repetition of the first command only gets the same reply again. It does not stop the instance again.
    await client.put(stop);
    await until(async () => client.replies().filter(({ id, status }) => id === stop.id && status === "done")[1]);
    expect(await desired()).toBe("running");
  });
});

describe("repeated messages", () => {
  test("a repeated message runs once and gets the same ids", async () => {
    const request = message();
    await client.put(request);
    const first = await client.reply(request.id, "done");
    await client.put({ ...request, input: { text: request.input.text, to: request.input.to } });
    const again = await until(
      async () => client.replies().filter(({ id, status }) => id === request.id && status === "done")[1],
    );
    expect(again).toMatchObject({ commandId: first.commandId, messageId: first.messageId, output: first.output });
    expect(again.correlationId).not.toBe(first.correlationId);
    expect(textsOf(request)).toHaveLength(1);
    expect(textsOf(request)[0]?.copies).toBe(1);
  });

  test("another command with the same id is rejected", async () => {
    const request = message();
    await client.put(request);
    await client.reply(request.id, "done");
    await client.put(message({ id: request.id }));
    expect(await client.reply(request.id, "rejected")).toMatchObject({ error: { code: "idempotency_conflict" } });
  });

  test("a message id is independent of the Idempotency-Key of REST", async () => {
    const request = message();
    await client.put(request);
    await client.reply(request.id, "done");
    const body = { phone: bob.number, message: request.input.text };
    const path = `/api/whatsapp/${instanceId}/send`;
    const { status } = await gate.api("POST", path, { body, headers: { "idempotency-key": request.id } });
    expect(status).toBe(200);
    await until(async () => textsOf(request).length === 2 || undefined);
  });
});

describe("rejected messages", () => {
  test.each(rejections)("a message gets the reply `rejected` for %s: %s", async (_what, code, make) => {
    const body = await make({ gate, apiKey, number: bob.number, message });
    const sqsId = await client.put(body, { replyTo: replyQueue });
    const { error, ...reply } = await client.reply(sqsId, "rejected");
    expect(error.code).toBe(code);
    expect(JSON.stringify(error)).not.toContain(apiKey);
    const { id = null } = typeof body === "object" ? (body as { id?: string }) : {};
    expect(reply.id).toBe(id === "a b" ? null : id);
    expect(await gate.db.sql`select from commands where correlation_id = ${sqsId}`).toHaveLength(0);
  });

  test("changes are in the audit log with their user, key and reason, and without their content", async () => {
    const [accepted, refused] = [message(), message({ apiKey: await newKey(gate, { scopes: ["stats:read"] }) })];
    const read = message({ command: "contact.check", input: { numbers: [bob.number] } });
    const sqsIds = [await client.put(accepted), await client.put(refused), await client.put(read)];
    await client.reply(accepted.id, "done");
    await client.reply(refused.id, "rejected");
    await client.reply(read.id, "done");
    const entries = await gate.db.sql`
      select request_id, operation, outcome, code, fields, ip, key_id is not null as "hasKey" from audit_log
      where request_id = any(${sqsIds}) and source = 'sqs'`;
    const common = { operation: "message.sendText", fields: ["to", "text"], ip: null, hasKey: true };
    expect(entries).toHaveLength(2);
    expect(entries).toEqual(
      expect.arrayContaining([
        { ...common, request_id: sqsIds[0], outcome: "accepted", code: null },
        { ...common, request_id: sqsIds[1], outcome: "refused", code: "forbidden" },
      ]),
    );
  });

  test("a message that is nested too deep does not delay later messages of its group", async () => {
    const bad = message();
    const nested = "[".repeat(50_000) + "]".repeat(50_000);
    const later = message({ command: "contact.check", input: { numbers: [bob.number] } });
    const started = performance.now();
    await client.put(JSON.stringify(bad).replace('"input":{', `"input":{"deep":${nested},`), { group: instanceId });
    await client.put(later, { group: instanceId });
    expect((await client.reply(bad.id, "rejected")).error.code).toBe("invalid_request");
    await client.reply(later.id, "done");
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test("a read-only key can send queries", async () => {
    const request = message({
      apiKey: await newKey(gate, { permissions: ["read"] }),
      command: "contact.check",
      input: { numbers: [bob.number] },
    });
    await client.put(request);
    await client.reply(request.id, "done");
  });

  test("a message with a forbidden reply queue runs nothing and gets no reply", async () => {
    const url = await client.createQueue("somebody-else.fifo");
    const names = ["somebody-else.fifo", "switchboard-event.fifo", "switchboard-reply-none.fifo", url];
    const requests = names.map((replyTo) => message({ replyTo }));
    const ids = await Promise.all(requests.map((one) => client.put(one, { group: "one after another" })));
    const last = message();
    await client.put(last, { group: "one after another" });
    await client.reply(last.id, "done");
    expect(await gate.db.sql`select from commands where correlation_id = any(${ids})`).toHaveLength(0);
    const { Attributes } = await client.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["ApproximateNumberOfMessages"] }),
    );
    expect(Attributes?.ApproximateNumberOfMessages).toBe("0");
  });
});

test("the example in the docs sends a text and prints its replies", async () => {
  await client.createQueue("switchboard-reply-example.fifo");
  const { env } = gate.gateway;
  const { stdout } = await promisify(execFile)(process.execPath, ["docs/examples/send-over-sqs.mjs"], {
    env: {
      PATH: process.env.PATH,
      AWS_REGION: "us-east-1",
      AWS_ENDPOINT_URL_SQS: env.SQS_ENDPOINT,
      AWS_ACCESS_KEY_ID: env.AWS_ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY: env.AWS_SECRET_ACCESS_KEY,
      INSTANCE_ID: instanceId,
      API_KEY: apiKey,
      TO: bob.number,
      TEXT: "from the example",
    },
  });
  const [accepted, done] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(accepted).toMatchObject({ status: "accepted" });
  expect(done).toMatchObject({ status: "done", messageId: accepted.messageId });
  await bob.waitFor(({ text, id }) => text === "from the example" && id === accepted.messageId);
});
