import * as z from "zod";

/** Each number is a uint32 in the protocol (`ClientPayload.UserAgent.AppVersion`). */
const versionPart = z.int().min(0).max(0xffff_ffff);

/** A version of WhatsApp Web: 2, 3000 and a revision, such as 1043857760. */
export const clientVersion = z.tuple([versionPart, versionPart, versionPart]);
export type ClientVersion = z.infer<typeof clientVersion>;

/** A client version as text, such as `2.3000.1043857760`. */
const clientVersionText = z
  .string()
  .regex(/^\d+\.\d+\.\d+$/, "must be three numbers with dots, such as 2.3000.1043857760")
  .transform((text) => text.split(".").map(Number))
  .pipe(z.array(z.number()).pipe(clientVersion));

const positiveInt = z.coerce.number().int().positive();

/** Values separated by commas. */
const list = z.string().transform((text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean),
);
const cidrList = list.pipe(z.array(z.union([z.cidrv4(), z.cidrv6()])));
/** CIDRs or single addresses. */
const rangeList = list.pipe(
  z.array(
    z.union([
      z.cidrv4(),
      z.cidrv6(),
      z.ipv4().transform((address) => `${address}/32`),
      z.ipv6().transform((address) => `${address}/128`),
    ]),
  ),
);
const senderList = list
  .pipe(z.array(z.string().regex(/^[^=\s]+=[^=\s@]+@[^=\s@]+$/, "must be SenderId=email, separated by commas")))
  .transform((parts) => new Map(parts.map((part) => part.split("=") as [string, string])));
const queueList = list.pipe(z.array(z.string().regex(/^[A-Za-z0-9_-]{1,75}\.fifo$/, "must be names of FIFO queues")));

/** Origins as browsers send them: a scheme, a host in lower case, and a port other than the scheme's default. */
const originList = list.pipe(
  z.array(
    z
      .url({ protocol: /^https?$/, error: "must be origins, such as https://console.example.com; * is not allowed" })
      .refine(
        (text) => new URL(text).origin === text.toLowerCase().replace(/\/$/, ""),
        "must have no path, only scheme, host and port",
      )
      .transform((text) => new URL(text).origin),
  ),
);

const fifoUrlList = list.pipe(
  z.array(
    z
      .url({ protocol: /^https?$/ })
      .regex(/\/[A-Za-z0-9_-]{1,75}\.fifo$/, "must be URLs of FIFO queues, separated by commas"),
  ),
);

/*
 * Every setting has a description, and `unset` where the default needs words. `.env.example` and the page of settings
 * in the docs are written from these by `npm run docs`.
 */

const api = {
  PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65535)
    .default(3000)
    .meta({ description: "Port of the REST API. `0` selects a free port." }),
  HOST: z.string().default("127.0.0.1").meta({ description: "Address that the REST API listens on." }),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({
      description:
        "URL at which callers and receivers of webhooks reach the REST API. The links to files and uploads begin with it. Set it if the gateway is behind a reverse proxy, or if webhooks go to other machines.",
      unset:
        "in responses, the URL at which the caller reached the API; in webhooks, `http://<HOST>:<PORT>`, or the machine's own address if `HOST` is `0.0.0.0` or `::`; on AWS the URL of the API Gateway",
    }),
  WEBHOOK_FILES_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({
      description:
        "URL that the links to files in webhooks begin with, if receivers reach the REST API at another URL than callers, such as `http://switchboard:3000` in a network of containers.",
      unset: "`PUBLIC_URL`",
    }),
  FILES_THROUGH_API: z.stringbool().default(false).meta({
    description:
      "With `true`, links to files and uploads lead to the REST API, which passes them on to the S3 service. Set it if callers can't reach `S3_ENDPOINT`. Only for `npm start`. The embedded S3 is always reached in this way.",
    unset: "`false`",
  }),
  CORS_ORIGINS: originList.default([]).meta({
    description:
      "Origins of web pages that may call the REST API from a browser, such as `https://console.example.com`, separated by commas. Pages of other origins can't read responses.",
    unset: "none",
  }),
  STREAM_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({
      description:
        "URL of the function that streams live events, to which the API redirects requests for streams. Only for a deployment whose API can't stream itself, such as API Gateway.",
      unset: "the API streams itself; on AWS the function URL",
    }),
  OPEN_KEY_GENERATION: z.stringbool().default(false).meta({
    description:
      "With `true`, `POST /api/auth/generate-key` needs no credentials: anyone who reaches the API directly, not through a proxy, gets a new user with an API key. Leave it off behind a proxy.",
    unset: "`false`; `true` in the sandbox while `HOST` is a loopback address",
  }),
  RATE_LIMIT: z.coerce.number().int().min(0).max(1_000_000_000).default(100).meta({
    description:
      "Requests to the Gateway API that each IP address and each key may make in 15 minutes. `0` turns the limit off.",
    unset: "`100`; `10000` in the sandbox",
  }),
  TRUSTED_PROXIES: rangeList.default([]).meta({
    description:
      "Addresses of your reverse proxies (addresses or CIDRs, separated by commas). For requests from these addresses, the client's address comes from `X-Forwarded-For` or `Forwarded`. It counts for `RATE_LIMIT`, `allowedIps` and failed logins.",
    unset: "none: the client's address is that of the connection",
  }),
  HEALTH_DETAILS: z.enum(["admin", "public"]).default("admin").meta({
    description:
      "Who sees uptime, memory, hosts and the number of instances in `GET /api/observability/health`: only callers with an `admin` key or token, or with `public` everyone, as the original document of the Gateway API shows. Everyone sees whether the gateway is healthy.",
    unset: "`admin`; `public` in the sandbox while `HOST` is a loopback address",
  }),
  EGRESS_ALLOW: cidrList.default([]).meta({
    description:
      "Address ranges (CIDRs, separated by commas) that callers' URLs may reach in addition to the public internet. Needed for webhooks to a private network.",
    unset: "none; loopback addresses in the sandbox",
  }),
};

const admin = {
  ADMIN_EMAIL: z.email().optional().meta({
    description: "Email of the first admin, who is created when there is no user yet.",
    unset: "`admin@switchboard.local`",
  }),
  ADMIN_PASSWORD: z.string().min(8).optional().meta({
    description: "Password of the first admin, at least 8 characters.",
    unset: "generated, and shown once",
  }),
  ADMIN_RESET: z.stringbool().default(false).meta({
    description:
      "With `true`, the start gives the admin with `ADMIN_EMAIL` access again: enables and unlocks the user, sets the password to `ADMIN_PASSWORD` or a generated one, and creates an API key. The way back in if no admin can log in. Remove it after the start.",
  }),
};

const data = {
  DATA_DIR: z.string().default(".switchboard").meta({
    description:
      "Folder for the database, queues, files and master key. Other users of the machine can't read it (mode 0700). The sandbox uses the folder `sandbox` in it.",
  }),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .meta({ description: "URL of your own Postgres, version 15 or newer.", unset: "the embedded one" }),
  DATABASE_OWNER_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .meta({
      description:
        "URL of the same database for the role that owns the tables and may create roles. Only the migration at the start uses it. The role in `DATABASE_URL` is then created if necessary, and can only read and write tables.",
      unset: "`DATABASE_URL`, whose role then owns the tables",
    }),
  DATABASE_POOLER: z.enum(["none", "session", "transaction"]).optional().meta({
    description:
      "Pool mode of the connection pooler (such as pgbouncer or Neon's `-pooler` host) that `DATABASE_URL` leads to: `session`, `transaction`, or `none` without a pooler. With a pooler, limit the time of statements in its own settings.",
    unset:
      "`npm start` and session hosts detect a pooler, and treat it as `transaction`; functions on AWS assume `none`",
  }),
  MASTER_KEY_FILE: z.string().optional().meta({
    description: "File with the key that wraps the data keys: 32 bytes, mode 0600.",
    unset: "`master.key` in `DATA_DIR`",
  }),
  KMS_KEY_ID: z.string().optional().meta({
    description: "KMS key that wraps the data keys, instead of `MASTER_KEY_FILE`.",
    unset: "none",
  }),
  SHARDS: positiveInt.max(1024).default(4).meta({
    description:
      "Number of shards that instances are divided into, up to 1024. Choose it before the first start: it can't be lowered later.",
  }),
};

const services = {
  SQS_ENDPOINT: z
    .url()
    .optional()
    .meta({ description: "URL of another SQS service to use instead of the embedded one.", unset: "embedded" }),
  S3_ENDPOINT: z
    .url()
    .optional()
    .meta({ description: "URL of another S3 service to use instead of the embedded one.", unset: "embedded" }),
  AWS_ACCESS_KEY_ID: z.string().optional().meta({
    description:
      "Access key ID for `SQS_ENDPOINT` and `S3_ENDPOINT`. On AWS, the SDK finds the credentials of the process.",
    unset: "none",
  }),
  AWS_SECRET_ACCESS_KEY: z
    .string()
    .optional()
    .meta({ description: "Secret access key that belongs to `AWS_ACCESS_KEY_ID`.", unset: "none" }),
  AWS_REGION: z.string().default("us-east-1").meta({ description: "Region for SQS, S3 and KMS." }),
  QUEUE_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,40}$/)
    .default("switchboard")
    .meta({ description: "Prefix of the names of all queues, up to 40 letters, digits, `_` and `-`." }),
  BUCKET: z
    .string()
    .min(3)
    .max(63)
    .default("switchboard-media")
    .meta({ description: "Name of the S3 bucket for files." }),
};

const queues = {
  INGRESS_SENDERS: senderList.default(new Map()).meta({
    description:
      "Senders that need no API key on the ingress queue, and the user that each acts as: `<SenderId>=<email of a user>`, separated by commas. SQS sets the SenderId.",
    unset: "none",
  }),
  REPLY_QUEUES: queueList.optional().meta({
    description: "Names of the queues that may receive replies, separated by commas.",
    unset: "queues whose names begin with `<QUEUE_PREFIX>-reply-`",
  }),
  EVENT_QUEUES: fifoUrlList.default([]).meta({
    description:
      "URLs of queues that may receive events, separated by commas, in addition to the queues whose names begin with `<QUEUE_PREFIX>-events-`.",
    unset: "none",
  }),
};

const fairness = {
  WEBHOOK_SLOW_MS: positiveInt.max(15_000).default(2_000).meta({
    description:
      "A webhook endpoint is slow if the moving average of its response time reaches this number of milliseconds. Its deliveries wait in a backlog of their own.",
  }),
  WEBHOOK_USER_CONCURRENCY: positiveInt.max(1_000).default(32).meta({
    description:
      "Number of webhook endpoints of one user that may keep workers waiting at a time. The deliveries of the user's other endpoints wait in their backlogs.",
  }),
};

const quota = (description: string, byDefault: number) =>
  z.coerce
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(byDefault)
    .meta({ description: `${description} \`0\` turns the limit off.` });

const quotas = {
  QUOTA_INSTANCES: quota("Number of instances that each user may have.", 1_000),
  QUOTA_SCHEDULED_SENDS: quota(
    "Number of scheduled messages of each user that may wait, without those of bulks.",
    10_000,
  ),
  QUOTA_OPEN_BULKS: quota("Number of unfinished bulks that each user may have.", 100),
  QUOTA_UPLOADS_PER_DAY: quota("Number of files that each user may upload per day (UTC).", 10_000),
  QUOTA_UPLOAD_BYTES_PER_DAY: quota("Bytes that each user may upload per day (UTC).", 50_000_000_000),
  QUOTA_EVENT_STREAMS: positiveInt.max(10_000).default(100).meta({
    description: "Number of streams of live events that each user may have open at the same time.",
  }),
  QUOTA_STORED_BYTES: quota(
    "Bytes of message files in the bucket at which a user can't upload or send further files. Incoming files count, but are always stored.",
    200_000_000_000,
  ),
};

const days = z.coerce.number().int().min(1).max(36_500);

const retention = {
  RETENTION_MESSAGES_DAYS: days.optional().meta({
    description:
      "Days after which messages are deleted, with their files and everything about them. Users and instances can have a shorter time.",
    unset: "messages are kept",
  }),
  RETENTION_FILES_DAYS: days.optional().meta({
    description:
      "Days after which the files of messages are deleted. The messages stay. Users and instances can have a shorter time.",
    unset: "as long as their messages",
  }),
  RETENTION_EVENTS_DAYS: days.default(30).meta({
    description: "Days for which the event log is kept. Users and instances can have a shorter time.",
  }),
  RETENTION_AUDIT_DAYS: days.min(30).default(365).meta({
    description: "Days for which the audit log is kept, at least 30.",
  }),
  RETENTION_DELIVERIES_DAYS: days.default(30).meta({
    description:
      "Days for which webhook deliveries can be read and replayed. Users and instances can have a shorter time.",
  }),
};

/** How messages to one person can be addressed. */
const addressingSettings = ["auto", "lid", "number"] as const;
export type AddressingSetting = (typeof addressingSettings)[number];

const whatsapp = {
  WHATSAPP_VERSION: clientVersionText.optional().meta({
    description: "Version of WhatsApp Web that session hosts report, such as `2.3000.1043857760`.",
    unset: "the newest version that WhatsApp Web publishes",
  }),
  WHATSAPP_ADDRESSING: z.enum(addressingSettings).default("auto").meta({
    description:
      "How messages to one person name the person: `lid` or `number` for all accounts, or `auto` for the one that WhatsApp expects from each account.",
  }),
  WHATSAPP_URL: z
    .url({ protocol: /^wss?$/ })
    .optional()
    .meta({
      description: "WebSocket URL of another WhatsApp server, such as the simulator.",
      unset: "the real WhatsApp",
    }),
  WHATSAPP_ROOT_KEY: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, "must be 32 bytes as 64 hexadecimal digits")
    .optional()
    .meta({
      description: "Public root key of the certificates of `WHATSAPP_URL`, in hexadecimal.",
      unset: "WhatsApp's",
    }),
  WHATSAPP_MEDIA_CA: z.string().min(1).optional().meta({
    description: "File with the CA certificate of the media host that belongs to `WHATSAPP_URL`.",
    unset: "the system's CAs",
  }),
};

const operation = {
  SESSION_HOST: z.enum(["inside", "child"]).default("inside").meta({
    description:
      "Where `npm start` and `npm run sandbox` run the session host: `inside` their own process, or in a `child` process.",
  }),
  DIRECT_CALLS: z.stringbool().default(true).meta({
    description:
      "Whether the parts of one process call each other directly. With `false`, they use SQS over HTTP, as on AWS. Only for `npm start` and `npm run sandbox`.",
    unset: "`true`",
  }),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info").meta({
    description:
      "Lowest severity of log lines that are written: `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`.",
    unset: "`info`; `error` in the sandbox",
  }),
  PROCESS_PLACE: z.string().min(1).max(200).optional().meta({
    description:
      "Name of the place where this gateway runs, such as a stable pod name. A gateway that starts continues the work of earlier processes with the same place at once, without waiting for their leases. Use a name only if two gateways never run under it at the same time.",
    unset: "the id of `DATA_DIR`, which one gateway at a time can use",
  }),
  METRICS_PORT: z.coerce.number().int().min(1).max(65535).optional().meta({
    description: "Port where a session host serves `/metrics` (Prometheus) and `/health`.",
    unset: "not served",
  }),
  METRICS_HOST: z
    .string()
    .default("127.0.0.1")
    .meta({ description: "Address that the server on `METRICS_PORT` listens on." }),
  METRICS_INSTANCES: z.coerce.number().int().min(0).max(10_000).default(0).meta({
    description:
      "Number of instances of a host for which `/metrics` has values of their own, with the label `instance`: those with the most messages within the last hour. Each instance adds four series.",
    unset: "`0`: only totals",
  }),
  METRICS: z.enum(["none", "emf"]).default("none").meta({
    description: "With `emf`, processes write metrics to standard output in CloudWatch's Embedded Metric Format.",
  }),
  COMMIT: z
    .string()
    .regex(/^[0-9a-fA-F]{7,64}$/, "must be a commit's hash in hexadecimal")
    .optional()
    .meta({
      description: "Hash of the commit that runs, which `GET /api/observability/version` returns.",
      unset: "none",
    }),
};

/** The settings by subject, for the docs. */
export const settings: Readonly<Record<string, z.ZodRawShape>> = {
  "REST API": api,
  "First admin": admin,
  Data: data,
  "Queues, files and AWS": services,
  "Commands and events over SQS": queues,
  "Fairness between users": fairness,
  "Quotas of each user": quotas,
  Retention: retention,
  WhatsApp: whatsapp,
  Operation: operation,
};

/**
 * The settings of all processes. Settings without a default are optional here. A process that needs such a setting
 * calls `required`.
 */
const schema = z.object({
  ...api,
  ...admin,
  ...data,
  ...services,
  ...queues,
  ...fairness,
  ...quotas,
  ...retention,
  ...whatsapp,
  ...operation,
});

export type Config = z.infer<typeof schema>;

/** The connection pool of a function. Without this setting, a function uses its own default size. */
export const poolSchema = z.object({
  DATABASE_POOL: z.coerce.number().int().min(1).max(100).optional().meta({
    description:
      "Connections of each function to Postgres. A Lambda serves one request at a time and needs one or two; a process that serves many at a time needs more.",
  }),
});

/** The environment is invalid. The message names each invalid variable. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  /** @param problems one text for each variable, such as `SHARDS: must be positive`. */
  constructor(...problems: readonly string[]) {
    super(`The environment is invalid:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
  }
}

/** Validates environment variables. An empty variable counts as absent. Throws `ConfigError`. */
export function parseEnv<Schema extends z.ZodType>(
  schema: Schema,
  env: Record<string, string | undefined>,
): z.output<Schema> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  // Compiling the schema would take longer than reading the settings once.
  const parsed = schema.safeParse(present, { jitless: true });
  if (parsed.success) return parsed.data;
  throw new ConfigError(...parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`));
}

/** Reads the settings from the environment. Throws `ConfigError`. */
export const readConfig = (env: Record<string, string | undefined> = process.env): Config => parseEnv(schema, env);

/** Returns a setting that the caller requires. Throws `ConfigError` if it is not set. */
export function required<Name extends keyof Config>(config: Config, name: Name): NonNullable<Config[Name]> {
  const value = config[name];
  if (value === undefined || value === null) throw new ConfigError(`${name}: must be set`);
  return value;
}

/**
 * Returns the credentials for `SQS_ENDPOINT` and `S3_ENDPOINT`. A local service accepts any credentials, but the SDK
 * requires some.
 */
export function endpointCredentials(config: Config): { accessKeyId: string; secretAccessKey: string } {
  return {
    accessKeyId: config.AWS_ACCESS_KEY_ID ?? "local",
    secretAccessKey: config.AWS_SECRET_ACCESS_KEY ?? "local",
  };
}
