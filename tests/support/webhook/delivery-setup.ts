import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../../core/config.ts";
import { openVault, type Vault } from "../../../core/crypto/index.ts";
import { sealedPlace } from "../../../core/crypto/sealed-place.ts";
import { localWrapper } from "../../../core/crypto/wrapper.ts";
import { Claims } from "../../../core/db/claim-lease.ts";
import { type Database, openDatabase } from "../../../core/db/index.ts";
import { migrate } from "../../../core/db/migrate.ts";
import { createEgress } from "../../../core/egress/index.ts";
import type { EventData, EventType } from "../../../core/event/catalog/index.ts";
import { systemIds } from "../../../core/id.ts";
import type { Dialect, WebhookFilters } from "../../../core/instance/instance.sql.ts";
import { createLogger } from "../../../core/log.ts";
import { shownContext } from "../../../core/message/context-fields.ts";
import { openForeignQueues } from "../../../core/queue/foreign.ts";
import { openQueues } from "../../../core/queue/index.ts";
import { openStorage } from "../../../core/storage/index.ts";
import type { WebhookDeps } from "../../../core/webhook/delivery/batch.ts";
import { retryDeliveries } from "../../../core/webhook/delivery/retry-worker.ts";
import { sealHeaders } from "../../../core/webhook/delivery/stored-headers.ts";
import { Successes } from "../../../core/webhook/delivery/successes.ts";
import { createWebhookHandler, type WebhookHandlerDeps } from "../../../functions/webhook/handler.ts";
import { lambdaContext } from "../../../local/lambda/context.ts";
import { startPostgres } from "../../../local/postgres/index.ts";
import { seedPostgres } from "../postgres.ts";

export interface InstanceOptions {
  url?: string | null;
  /** The owner. Default: the world's user. */
  userId?: string;
  dialect?: Dialect;
  secret?: string;
  enabled?: boolean;
  headers?: Record<string, string>;
  maxRetries?: number;
  retryInterval?: number;
}

export interface EndpointOptions extends Omit<InstanceOptions, "userId" | "dialect"> {
  url: string;
  events?: string[];
  filters?: Partial<WebhookFilters>;
  timeoutMs?: number;
}

export interface DeliveryRow {
  id: string;
  event_id: string;
  event_seq: number;
  status: string;
  attempts: number;
  body: string;
  tries: number;
  reason: string | null;
  next_at: number;
  instance_id: string;
  endpoint_id: string;
}

export interface AttemptRow {
  number: number;
  status: number | null;
  error: string | null;
  response: string | null;
  duration_ms: number;
}

export type QueueRecord = { messageId: string; body: string };

/** The remaining time that the Lambda context reports at first, in milliseconds. */
export const functionTimeMs = 60_000;

/** The URL of a server that refuses connections. */
export const noServer = "http://127.0.0.1:1";

export type World = Awaited<ReturnType<typeof startWorld>>;

/** Starts a database and the webhook function, with a clock that tests move. */
export async function startWorld() {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-webhook-"));
  await seedPostgres(join(folder, "postgres"));
  const postgres = await startPostgres({ dataDir: join(folder, "postgres") });
  await migrate(postgres.url, 4);
  const masterKey = Buffer.alloc(32, 7);
  const masterKeyFile = join(folder, "master.key");
  await writeFile(masterKeyFile, masterKey, { mode: 0o600 });
  const db: Database = openDatabase(postgres.url, { max: 8 });
  const vault: Vault = await openVault(db, localWrapper(masterKey));
  const egress = createEgress({ allow: ["127.0.0.0/8"] });
  let ahead = 0;
  const clock = {
    now: () => new Date(Date.now() + ahead),
    advance: (ms: number) => {
      ahead += ms;
    },
    reset: () => {
      ahead = 0;
    },
  };
  const log = createLogger("webhook", process.env.TEST_LOG ?? "silent");
  // There is no S3 and no SQS: URLs are only signed, and messages are not hidden.
  const storage = openStorage(readConfig({ S3_ENDPOINT: noServer }));
  const queues = openQueues(readConfig({ SQS_ENDPOINT: noServer }));
  const foreignQueues = openForeignQueues(queues.client);
  // The middle of the jitter makes pauses exact, and sleeping moves the clock.
  const random = () => 0.5;
  const sleep = async (ms: number) => clock.advance(ms);
  const deps: WebhookHandlerDeps & { storage: typeof storage } = {
    db,
    queues,
    vault,
    egress,
    storage,
    foreignQueues,
    clock,
    ids: systemIds,
    claims: new Claims({ db, log }),
    successes: new Successes(db),
    log,
    random,
    sleep,
  };
  const userId = systemIds.uuid();
  await db.sql`insert into users (id, email, password_hash) values (${userId}, 'ann@example.com', '')`;
  const seqs = new Map<string, number>();

  const world = {
    url: postgres.url,
    masterKeyFile,
    db,
    vault,
    clock,
    deps,
    userId,

    /** Creates another user and returns its id. */
    async user(email: string): Promise<string> {
      const id = systemIds.uuid();
      await db.sql`insert into users (id, email, password_hash) values (${id}, ${email}, '')`;
      return id;
    },

    async instance(options: InstanceOptions = {}): Promise<string> {
      const id = systemIds.uuid();
      const secret = options.secret ? vault.seal(Buffer.from(options.secret), sealedPlace.webhookSecret(id)) : null;
      await db.sql`
        insert into instances (id, user_id, name, dialect, shard, webhook_url, webhook_enabled, webhook_secret,
          webhook_headers, max_retries, retry_interval)
        values (${id}, ${options.userId ?? userId}, 'Primary', ${options.dialect ?? "multi-instance"}, 0, ${options.url ?? null},
          ${options.enabled ?? true}, ${secret}, ${JSON.stringify(options.headers ?? {})}::text::jsonb,
          ${options.maxRetries ?? 5}, ${options.retryInterval ?? 60_000})`;
      return id;
    },

    /** Adds an endpoint to an instance, or a default endpoint to the world's user, and returns its id. */
    async addEndpoint(instanceId: string | null, options: EndpointOptions): Promise<string> {
      const id = systemIds.uuid();
      const secret = options.secret ? vault.seal(Buffer.from(options.secret), sealedPlace.webhookSecret(id)) : null;
      await db.sql`
        insert into webhooks (id, user_id, instance_id, url, enabled, secret, headers, events, filters, timeout_ms,
          max_retries, retry_interval)
        values (${id}, ${userId}, ${instanceId}, ${options.url}, ${options.enabled ?? true}, ${secret},
          ${JSON.stringify(sealHeaders(vault, id, options.headers ?? {}))}::text::jsonb,
          ${options.events ? JSON.stringify(options.events) : null}::text::jsonb,
          ${JSON.stringify(options.filters ?? {})}::text::jsonb, ${options.timeoutMs ?? 15_000},
          ${options.maxRetries ?? 5}, ${options.retryInterval ?? 60_000})`;
      return id;
    },

    /** Makes a record of the event queue with the next event of the instance. */
    record<Type extends EventType>(instanceId: string, type: Type, data: EventData<Type>): QueueRecord {
      const seq = (seqs.get(instanceId) ?? 0) + 1;
      seqs.set(instanceId, seq);
      const at = clock.now().toISOString();
      const envelope = { v: 1, id: systemIds.uuid(), instanceId, seq, type, data, correlationId: null, at };
      return { messageId: `record-${systemIds.uuid()}`, body: JSON.stringify(envelope) };
    },

    /** Makes records of received texts. Their bodies are their sequence numbers. */
    texts(instanceId: string, count: number): QueueRecord[] {
      return Array.from({ length: count }, () => {
        const body = String((seqs.get(instanceId) ?? 0) + 1);
        return world.record(instanceId, "message.received", text(body));
      });
    },

    /** Runs the Lambda handler on a batch. Returns the ids of the records to retry. */
    async handle(records: readonly QueueRecord[], changes: Partial<WebhookHandlerDeps> = {}): Promise<string[]> {
      const handler = createWebhookHandler(async () => ({ ...deps, ...changes }));
      const answer = await handler(sqsEvent(records), lambdaContext("webhook", functionTimeMs));
      return answer.batchItemFailures.map((failure) => failure.itemIdentifier);
    },

    wake: (options: Partial<Parameters<typeof retryDeliveries>[1]> = {}, changes: Partial<WebhookDeps> = {}) =>
      retryDeliveries({ ...deps, ...changes }, { budgetMs: functionTimeMs, ...options }),

    /** Returns the stored state of the circuit breaker of an instance's endpoint. */
    async endpoint(instanceId: string): Promise<{ state: string; failures: number } | undefined> {
      const [row] = await db.sql<{ state: string; failures: number }[]>`
        select state, failures from webhook_endpoints where instance_id = ${instanceId}`;
      return row && { state: row.state, failures: row.failures };
    },

    deliveries: (instanceId: string): Promise<DeliveryRow[]> =>
      db.sql<DeliveryRow[]>`
        select id, event_id, event_seq::float8 as event_seq, status, attempts, tries, reason, body, instance_id,
          coalesce(endpoint_id, instance_id) as endpoint_id,
          (extract(epoch from next_at) * 1000)::float8 as next_at
        from deliveries where instance_id = ${instanceId} order by event_seq, created_at, id`,

    attempts: (deliveryId: string): Promise<AttemptRow[]> =>
      db.sql<AttemptRow[]>`
        select number, status, error, response, duration_ms from attempts where delivery_id = ${deliveryId} order by number`,

    async stop() {
      storage.client.destroy();
      await egress.close();
      await db.close();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return world;
}

export function text(body: string): EventData<"message.received"> {
  return {
    messageId: `3EB0${body}`,
    chatId: "79001234567@s.whatsapp.net",
    type: "text",
    protoType: "conversation",
    body,
    timestamp: 1672531200,
    media: null,
    content: { kind: "text", text: body, linkPreview: null },
    quoted: null,
    mentions: [],
    context: shownContext({}),
    senderId: "79001234567@s.whatsapp.net",
    senderLid: null,
    pushName: "Ivan",
    isGroup: false,
    to: null,
  };
}

/** How often each record was received. */
const receives = new Map<string, number>();

/** Counts that a record was received, as SQS does. Returns how often it was. */
export function received({ messageId }: QueueRecord): number {
  const count = (receives.get(messageId) ?? 0) + 1;
  receives.set(messageId, count);
  return count;
}

/** Makes the event with which Lambda calls a function of an SQS queue. */
export function sqsEvent(records: readonly QueueRecord[]) {
  return {
    Records: records.map((record) => ({
      ...record,
      receiptHandle: record.messageId,
      attributes: {
        ApproximateReceiveCount: String(received(record)),
        SentTimestamp: "0",
        SenderId: "test",
        ApproximateFirstReceiveTimestamp: "0",
      },
      messageAttributes: {},
      md5OfBody: "",
      eventSource: "aws:sqs",
      eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:switchboard-event.fifo",
      awsRegion: "us-east-1",
    })),
  };
}
