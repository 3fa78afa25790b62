import type { Config } from "../config.ts";
import type { QuotaName } from "../user/user.sql.ts";

/** The limit of each quota. 0 means no limit. */
export type QuotaLimits = Record<QuotaName, number>;

type Settings = Pick<
  Config,
  | "QUOTA_INSTANCES"
  | "QUOTA_SCHEDULED_SENDS"
  | "QUOTA_OPEN_BULKS"
  | "QUOTA_UPLOADS_PER_DAY"
  | "QUOTA_UPLOAD_BYTES_PER_DAY"
  | "QUOTA_STORED_BYTES"
>;

/** Returns the limits of users without limits of their own. */
export const defaultQuotas = (config: Settings): QuotaLimits => ({
  instances: config.QUOTA_INSTANCES,
  scheduledSends: config.QUOTA_SCHEDULED_SENDS,
  openBulks: config.QUOTA_OPEN_BULKS,
  uploadsPerDay: config.QUOTA_UPLOADS_PER_DAY,
  uploadBytesPerDay: config.QUOTA_UPLOAD_BYTES_PER_DAY,
  storedBytes: config.QUOTA_STORED_BYTES,
});
