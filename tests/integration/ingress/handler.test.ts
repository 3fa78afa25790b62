import { randomUUID } from "node:crypto";
import { DeleteQueueCommand, GetQueueUrlCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Config } from "../../../core/config.ts";
import { openDatabase } from "../../../core/db/index.ts";
import { sendReplies, sendStrayReplies } from "../../../core/ingress/outbox.ts";
import { openForeignQueues } from "../../../core/queue/foreign.ts";
import { openQueues } from "../../../core/queue/index.ts";
import type { Phone } from "../../../simulator/index.ts";
import type { TestGateway } from "../../support/gateway/test-gateway.ts";
import { type IngressFunction, ingressFunction, record } from "../../support/ingress/ingress-function.ts";
import { type Ingress, startIngress } from "../../support/ingress/ingress-gateway.ts";
import type { AnyReply, IngressClient } from "../../support/queue/ingress-client.ts";
import { until } from "../../support/until.ts";

let ingress: Ingress;
let gate: TestGateway;
let client: IngressClient;
let bob: Phone;
let instanceId: string;
let message: Ingress["message"];
let textsOf: Ingress["textsOf"];
/** Ids of messages whose command was not put on the command queue. */
const unqueued: string[] = [];

beforeAll(async () => {
  ingress = await startIngress();
  ({ gate, client, bob, instanceId, message, textsOf } = ingress);
});
afterAll(() => ingress?.stop());

describe("the ingress function", () => {
  let direct: IngressFunction;
  let deps: IngressFunction["deps"];
  let lines: readonly string[];
  const invoke: IngressFunction["invoke"] = (...args) => direct.invoke(...args);

  beforeAll(async () => {
    direct = await ingressFunction(gate);
    ({ deps, lines } = direct);
  });
  afterAll(() => direct.close());

  test("accepts a message without a key only from a sender in INGRESS_SENDERS, on behalf of the sender's user", async () => {
    const email = `${randomUUID()}@example.com`;
    const user = await gate.api("POST", "/api/users", { body: { email } });
    await gate.db.sql`update instances set user_id = ${user.body.id} where id = ${instanceId}`;
    const senders = new Map([
      ["AIDAALLOWED", email],
      ["AROAALLOWED", email],
      ["AROAONE:session", email],
      ["AIDANOBODY", "nobody@example.com"],
    ]);
    const config = { ...deps.config, INGRESS_SENDERS: senders };
    const outcome = async (SenderId: string) => {
      const request = message({ apiKey: undefined, command: "contact.check", input: { numbers: [bob.number] } });
      await invoke([record(request, { SenderId })], { config });
      const reply = await until(async () =>
        client.replies().find(({ id, status }) => id === request.id && (status === "done" || status === "rejected")),
      );
      return reply.error?.code ?? reply.status;
    };
    expect(await outcome("AIDAALLOWED")).toBe("done");
    expect(await outcome("AROAALLOWED:some-session")).toBe("done");
    expect(await outcome("AROAONE:session")).toBe("done");
    expect(await outcome("AROAONE:another")).toBe("missing_credentials");
    expect(await outcome("AIDASOMEBODYELSE")).toBe("missing_credentials");
    expect(await outcome("AIDANOBODY")).toBe("invalid_credentials");
    await gate.db.sql`update users set disabled_at = now() where id = ${user.body.id}`;
    expect(await outcome("AIDAALLOWED")).toBe("invalid_credentials");
    await gate.db.sql`
      update instances set user_id = (select id from users order by created_at limit 1) where id = ${instanceId}`;
  });

  test("replies only to the queues in REPLY_QUEUES, if the variable is set", async () => {
    const config = { ...deps.config, REPLY_QUEUES: ["orders.fifo"] };
    await client.createQueue("orders.fifo");
    const request = message({ replyTo: "orders.fifo", instanceId: randomUUID() });
    await invoke([record(message()), record(request)], { config });
    expect(lines.slice(-2).map((line) => JSON.parse(line).code)).toEqual(["invalid_request", "instance_not_found"]);
    const { QueueUrl } = await client.sqs.send(new GetQueueUrlCommand({ QueueName: "orders.fifo" }));
    const { Messages } = await client.sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));
    expect(Messages?.map(({ Body }) => JSON.parse(Body ?? "").id)).toEqual([request.id]);
  });

  test("runs a command once if its message is delivered several times", async () => {
    const request = message();
    const one = record(request);
    for (let time = 0; time < 3; time++) expect(await invoke([one])).toEqual({ batchItemFailures: [] });
    const { messageId } = await client.reply(request.id, "done");
    expect(await invoke([one])).toEqual({ batchItemFailures: [] });
    const ids = new Set(client.replies().flatMap((reply) => (reply.id === request.id ? [reply.messageId] : [])));
    expect([...ids]).toEqual([messageId]);
    expect(textsOf(request)).toHaveLength(1);
  });

  test("writes the entry of the audit log in the transaction that stores the command, and counts no call of the API", async () => {
    const request = message({ runAt: new Date(Date.now() + 3_600_000).toISOString() });
    const one = record(request);
    for (let time = 0; time < 2; time++) expect(await invoke([one])).toEqual({ batchItemFailures: [] });
    const entries = await gate.db.sql`
      select a.outcome, a.source, a.instance_id, a.xmin::text = m.xmin::text as together,
        (select count(*)::int from usage u where u.xmin::text = m.xmin::text) as calls
      from commands c join messages m on m.instance_id = c.instance_id and m.wa_id = c.wa_id
        left join audit_log a on a.request_id = c.correlation_id
      where c.request_id = ${request.id}`;
    expect(entries).toEqual([
      { outcome: "accepted", source: "sqs", instance_id: instanceId, together: true, calls: 0 },
    ]);
  });

  test("returns a message that failed internally and all later messages of its group for a retry, and loses no message", async () => {
    const away = openDatabase("postgres://nobody@127.0.0.1:1/none", { max: 1 });
    const [first, second, malformed] = [message(), message(), "{"];
    const records = [record(first), record(second), record(malformed, { MessageGroupId: "other" })];
    const answer = await invoke(records, { db: away });
    await away.close();
    expect(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(
      records.slice(0, 2).map(({ messageId }) => messageId),
    );
    expect(await invoke(records)).toEqual({ batchItemFailures: [] });
    await Promise.all([first, second].map(({ id }) => client.reply(id, "done")));
  });

  test("accepts a message although the command queue is unreachable", async () => {
    const queues = openQueues({ ...deps.config, SQS_ENDPOINT: "http://127.0.0.1:1" } as Config);
    const request = message();
    expect(await invoke([record(request)], { queues })).toEqual({ batchItemFailures: [] });
    await client.reply(request.id, "accepted");
    queues.client.destroy();
    unqueued.push(request.id);
  });

  test("omits the output in replies to a queue with a small message size limit", async () => {
    const name = "switchboard-reply-small.fifo";
    await client.createQueue(name, { MaximumMessageSize: "1024" });
    const numbers = Array.from({ length: 30 }, (_, at) => `4915551000${at + 100}`);
    const request = message({ replyTo: name, command: "contact.check", input: { numbers } });
    const next = message({ replyTo: name });
    await invoke([record(request), record(next)]);
    const replies = new Map<string, AnyReply>();
    await until(async () => {
      const received = await deps.queues.receive("reply-small.fifo", { waitSeconds: 5 });
      for (const { Body } of received) {
        const reply = JSON.parse(Body ?? "");
        replies.set(`${reply.id} ${reply.status}`, reply);
      }
      await deps.queues.remove(
        "reply-small.fifo",
        received.map(({ ReceiptHandle }) => ReceiptHandle ?? ""),
      );
      return replies.size === 4 || undefined;
    });
    const { output, commandId } = replies.get(`${request.id} done`);
    expect(output).toBeNull();
    expect((await gate.api("GET", `/api/commands/${commandId}`)).body.output.numbers).toHaveLength(numbers.length);
  });

  test("keeps a reply until its queue accepts it", async () => {
    const name = "switchboard-reply-shaky.fifo";
    const url = await client.createQueue(name);
    const request = message({ replyTo: name, runAt: new Date(Date.now() + 3_600_000).toISOString() });
    await invoke([record(request)]);
    const [command] = await gate.db.sql`select wa_id, shard from commands where request_id = ${request.id}`;
    await client.sqs.send(new DeleteQueueCommand({ QueueUrl: url }));
    await gate.api("DELETE", `/api/whatsapp/${instanceId}/scheduled/${command?.wa_id}`);
    const waiting = () => gate.db.sql`select from replies where queue = ${name}`;
    expect(await waiting()).toHaveLength(1);
    const sender = {
      db: deps.db,
      vault: deps.vault,
      log: deps.log,
      foreignQueues: openForeignQueues(deps.queues.client),
    };
    const send = () =>
      until(async () => {
        const sent = await sendReplies(sender, { shard: command?.shard });
        return sent.busy ? undefined : sent;
      });
    expect(await send()).toMatchObject({ sent: 0, failing: [name] });
    expect(await waiting()).toHaveLength(1);
    await client.createQueue(name);
    // The scheduled function sends replies that have waited too long for a host.
    await gate.db.sql`update replies set created_at = now() - interval '1 minute' where queue = ${name}`;
    await until(async () => {
      await sendStrayReplies(sender, 5_000);
      return (await waiting()).length === 0 || undefined;
    });
    const [reply] = await deps.queues.receive("reply-shaky.fifo", { waitSeconds: 5 });
    expect(JSON.parse(reply?.Body ?? "")).toMatchObject({
      id: request.id,
      status: "failed",
      error: { code: "conflict" },
    });
  });

  test("never logs the key of an invalid message", async () => {
    const { length } = lines;
    const key = randomUUID();
    await invoke([
      record(`{"v":1,"apiKey":"${key}"`),
      record(message({ apiKey: key })),
      record(message({ apiKey: [key] })),
    ]);
    const written = lines.slice(length);
    expect(written).toHaveLength(3);
    expect(written.map((line) => JSON.parse(line).correlationId)).not.toContain(undefined);
    expect(written.join("")).not.toContain(key);
  });
});

test("every command gets a reply and every text arrives once, although the host is killed in between", async () => {
  const requests = Array.from({ length: 20 }, () => message());
  await Promise.all(requests.map((one) => client.put(one, { group: instanceId })));
  await until(
    async () =>
      requests.some(({ id }) => client.replies().some((one) => one.id === id && one.status === "done")) || undefined,
  );
  await ingress.killHost();
  for (const { id, input } of requests) {
    // The next host has to start, to wait for the lease and to connect the instance first.
    const { messageId } = await client.reply(id, "done", 90_000);
    expect(bob.inbox.messages.filter(({ text }) => text === input.text).map((one) => one.id)).toEqual([messageId]);
  }
  // Commands that were never on a queue are found in the database.
  for (const id of unqueued) await client.reply(id, "done");
}, 120_000);
