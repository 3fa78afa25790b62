import { databaseUrl } from "./database.ts";
import { key } from "./key.ts";
import { prefix, sizes } from "./stage.ts";
import { bucket } from "./storage.ts";

/** Optional settings, taken from the environment of `sst deploy`. docs/reference/environment.md describes them. */
const settings = [
  "RATE_LIMIT",
  "INGRESS_SENDERS",
  "REPLY_QUEUES",
  "EVENT_QUEUES",
  "EGRESS_ALLOW",
  "WHATSAPP_VERSION",
  "LOG_LEVEL",
];
const set = Object.fromEntries(settings.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));

/** The environment of every part of the gateway. `core/config.ts` declares the variables. */
export const environment = {
  ...set,
  QUEUE_PREFIX: prefix,
  BUCKET: bucket.name,
  KMS_KEY_ID: key.arn,
  SHARDS: String(sizes.shards),
  METRICS: "emf",
};

export const functionEnvironment = {
  ...environment,
  DATABASE_URL: databaseUrl,
  // Lambda's file with the certificates of RDS, which Node.js does not read by default.
  NODE_EXTRA_CA_CERTS: "/var/runtime/ca-cert.pem",
};
