import "./alarms.ts";
import "./dashboard.ts";
import { alarms } from "./alarms.ts";
import { api } from "./api.ts";
import { host } from "./host.ts";
import { prefix } from "./stage.ts";
import { bucket } from "./storage.ts";

/** What `sst deploy` prints. */
export const outputs = {
  api: api.url,
  bucket: bucket.name,
  queues: `${prefix}-*.fifo`,
  service: host.nodes.service.name,
  alarms: alarms.arn,
};
