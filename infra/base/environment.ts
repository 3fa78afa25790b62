import { databaseUrl } from "./database.ts";
import { key } from "./key.ts";
import { prefix, sizes } from "./stage.ts";
import { bucket } from "./storage.ts";

/** Optional settings that `sst deploy` copies from its own environment. docs/reference/environment.md describes them. */
const optionalNames = [
  "PUBLIC_URL",
  "STREAM_URL",
  "WEBHOOK_FILES_URL",
  "CORS_ORIGINS",
  "RATE_LIMIT",
  "TRUSTED_PROXIES",
  "HEALTH_DETAILS",
  "INGRESS_SENDERS",
  "REPLY_QUEUES",
  "EVENT_QUEUES",
  "EGRESS_ALLOW",
  "WEBHOOK_SLOW_MS",
  "WEBHOOK_USER_CONCURRENCY",
  "QUOTA_INSTANCES",
  "QUOTA_SCHEDULED_SENDS",
  "QUOTA_OPEN_BULKS",
  "QUOTA_UPLOADS_PER_DAY",
  "QUOTA_UPLOAD_BYTES_PER_DAY",
  "QUOTA_STORED_BYTES",
  "QUOTA_EVENT_STREAMS",
  "RETENTION_MESSAGES_DAYS",
  "RETENTION_FILES_DAYS",
  "RETENTION_EVENTS_DAYS",
  "RETENTION_DELIVERIES_DAYS",
  "RETENTION_AUDIT_DAYS",
  "WHATSAPP_VERSION",
  "WHATSAPP_ADDRESSING",
  "LOG_LEVEL",
];
const optionalSettings = Object.fromEntries(
  optionalNames.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
);

/** The environment of every part of the gateway. `core/config.ts` declares the variables. */
export const environment = {
  ...optionalSettings,
  QUEUE_PREFIX: prefix,
  BUCKET: bucket.name,
  KMS_KEY_ID: key.arn,
  SHARDS: String(sizes.shards),
  METRICS: "emf",
};

export const functionEnvironment = {
  ...environment,
  DATABASE_URL: databaseUrl,
  // Lambda's file with the CA certificates of RDS. Node.js does not read it by default.
  NODE_EXTRA_CA_CERTS: "/var/runtime/ca-cert.pem",
};
