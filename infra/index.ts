import "./monitoring/alarms.ts";
import "./monitoring/dashboard.ts";
import { api } from "./api.ts";
import { database } from "./database.ts";
import { cluster, host } from "./host.ts";
import { migrate } from "./migration.ts";
import { alarms } from "./monitoring/alarms.ts";
import { prefix } from "./stage.ts";
import { bucket } from "./storage.ts";

/** What `sst deploy` prints. */
export const outputs = {
  api: api.url,
  bucket: bucket.name,
  queues: `${prefix}-*.fifo`,
  database: database.id,
  migrate: migrate.name,
  cluster: cluster.nodes.cluster.name,
  service: host.nodes.service.name,
  alarms: alarms.arn,
};
