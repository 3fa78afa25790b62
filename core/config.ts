import * as z from "zod";
import { clientVersionText } from "./client-version/index.ts";

const positiveInt = z.coerce.number().int().positive();
const cidrList = z
  .string()
  .transform((text) =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean),
  )
  .pipe(z.array(z.union([z.cidrv4(), z.cidrv6()])));

const list = z.string().transform((text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean),
);
const senderList = list
  .pipe(z.array(z.string().regex(/^[^=\s]+=[^=\s]+@[^=\s]+$/, "must be SenderId=email, separated by commas")))
  .transform((parts) => new Map(parts.map((part) => part.split("=") as [string, string])));
const queueList = list.pipe(z.array(z.string().regex(/^[A-Za-z0-9_-]{1,75}\.fifo$/, "must be names of FIFO queues")));

const fifoUrlList = list.pipe(
  z.array(
    z
      .url({ protocol: /^https?$/ })
      .regex(/\/[A-Za-z0-9_-]{1,75}\.fifo$/, "must be URLs of FIFO queues, separated by commas"),
  ),
);

/** What every part of Switchboard takes from its environment. Each variable is optional unless its reader demands it. */
const schema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  SQS_ENDPOINT: z.url().optional(),
  S3_ENDPOINT: z.url().optional(),
  /** Taken from here only for `SQS_ENDPOINT` and `S3_ENDPOINT`; on AWS the SDK finds its own. */
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_REGION: z.string().default("us-east-1"),
  QUEUE_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,40}$/)
    .default("switchboard"),
  BUCKET: z.string().min(3).max(63).default("switchboard-media"),
  /** KMS key that wraps the data keys; without it, `MASTER_KEY_FILE` is used. */
  KMS_KEY_ID: z.string().optional(),
  MASTER_KEY_FILE: z.string().optional(),
  PORT: z.coerce.number().int().min(0).max(65535).default(3000),
  HOST: z.string().default("127.0.0.1"),
  /** Lets everyone who reaches the API directly, not through a proxy, create a user with an API key without credentials. */
  OPEN_KEY_GENERATION: z.stringbool().default(false),
  DATA_DIR: z.string().default(".switchboard"),
  ADMIN_EMAIL: z.email().optional(),
  ADMIN_PASSWORD: z.string().min(8).optional(),
  SHARDS: positiveInt.max(1024).default(4),
  EGRESS_ALLOW: cidrList.default([]),
  /** Requests to the Gateway API in 15 minutes, for each address and for each key; 0 is no limit. */
  RATE_LIMIT: z.coerce.number().int().min(0).max(1_000_000_000).default(100),
  WHATSAPP_URL: z.url({ protocol: /^wss?$/ }).optional(),
  WHATSAPP_ROOT_KEY: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, "must be 32 bytes as 64 hexadecimal digits")
    .optional(),
  WHATSAPP_MEDIA_CA: z.string().min(1).optional(),
  /** Pins the client version; without it, the newest one that WhatsApp Web publishes. */
  WHATSAPP_VERSION: clientVersionText.optional(),
  /** Of which commit this was built. */
  COMMIT: z
    .string()
    .regex(/^[0-9a-fA-F]{7,64}$/, "must be a commit's hash in hexadecimal")
    .optional(),
  /** `emf`: metrics are written to standard output in CloudWatch's Embedded Metric Format, each minute or call. */
  METRICS: z.enum(["none", "emf"]).default("none"),
  /** Where the session host answers `/metrics` (Prometheus) and `/health`; without a port nowhere. */
  METRICS_PORT: z.coerce.number().int().min(1).max(65535).optional(),
  METRICS_HOST: z.string().default("127.0.0.1"),
  /** Who needs no API key on the ingress queue: `SenderId` of SQS and the user that it stands for, `AIDA…=user@example.com,AROA…=…`. */
  INGRESS_SENDERS: senderList.default(new Map()),
  /** Names of the queues that replies may go to; without them all that begin with `<QUEUE_PREFIX>-reply-`. */
  REPLY_QUEUES: queueList.optional(),
  /** URLs of queues that events may be sent to, besides those of this account that begin with `<QUEUE_PREFIX>-events-`. */
  EVENT_QUEUES: fifoUrlList.default([]),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
});

export type Config = z.infer<typeof schema>;

/** An environment that cannot be used; the message names each variable at fault. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Reads and checks the environment; an empty variable counts as absent. Throws `ConfigError`. */
export function readConfig(env: Record<string, string | undefined> = process.env): Config {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = schema.safeParse(present);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new ConfigError(`The environment is not usable:\n  ${lines.join("\n  ")}`);
  }
  return parsed.data;
}

/** The value of a setting that this reader cannot do without. Throws `ConfigError`. */
export function required<Name extends keyof Config>(config: Config, name: Name): NonNullable<Config[Name]> {
  const value = config[name];
  if (value === undefined || value === null)
    throw new ConfigError(`The environment is not usable:\n  ${name}: must be set`);
  return value;
}

/** Credentials for an endpoint that is not AWS, which may ask for some without checking them. */
export function endpointCredentials(config: Config): { accessKeyId: string; secretAccessKey: string } {
  return {
    accessKeyId: config.AWS_ACCESS_KEY_ID ?? "local",
    secretAccessKey: config.AWS_SECRET_ACCESS_KEY ?? "local",
  };
}
