import { databaseUrl } from "./database.ts";
import { key } from "./key.ts";
import { prefix, sizes } from "./stage.ts";
import { bucket } from "./storage.ts";

/** What whoever deploys may set, as in docs/operations/aws.md: taken from the environment of `sst deploy`. */
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

/** What every part of the gateway takes from its environment, as `core/config.ts` declares it. */
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
  // Where Lambda keeps the certificates of RDS: Node.js reads them only when it is told to.
  NODE_EXTRA_CA_CERTS: "/var/runtime/ca-cert.pem",
};
