import "./monitoring/alarms.ts";
import "./monitoring/dashboard.ts";
import "./service/contract.ts";
import { database } from "./base/database.ts";
import { prefix } from "./base/stage.ts";
import { bucket } from "./base/storage.ts";
import { alarms } from "./monitoring/alarms.ts";
import { api } from "./service/api.ts";
import { cluster, host } from "./service/host.ts";
import { migrate } from "./service/migration.ts";
import { streamFunction } from "./service/stream.ts";

/** The outputs that `sst deploy` prints. */
export const outputs = {
  api: api.url,
  streams: streamFunction.url,
  bucket: bucket.name,
  queues: `${prefix}-*.fifo`,
  database: database.id,
  migrate: migrate.name,
  cluster: cluster.nodes.cluster.name,
  service: host.nodes.service.name,
  alarms: alarms.arn,
};
