import * as z from "zod";
import { exportStatuses } from "../../../../core/message/export/export.sql.ts";
import type { ExportJob } from "../../../../core/message/export/index.ts";
import { isoDate } from "../../shape/common.ts";

/** What exports of chats and of people have in common. */
export const exportState = {
  mediaLinks: z.boolean(),
  /** `expired`: the file was removed. */
  status: z.enum(exportStatuses),
  /** Why the last attempt failed. The job goes on unless its status is `failed`. */
  error: z.string().nullable(),
  createdAt: isoDate,
  finishedAt: isoDate.nullable(),
  /** When the file is removed. */
  expiresAt: isoDate.nullable(),
};

export const toExportState = ({ request, status, error, ...times }: ExportJob) => ({
  mediaLinks: request.mediaLinks,
  status,
  error,
  createdAt: times.createdAt.toISOString(),
  finishedAt: times.finishedAt?.toISOString() ?? null,
  expiresAt: times.expiresAt?.toISOString() ?? null,
});

export const exportLink = {
  /** A link to the file, which works for an hour. Each request returns a new one. Null without a file. */
  url: z.string().nullable(),
  urlExpiresAt: isoDate.nullable(),
};

export const toExportLink = (link: { url: string; expiresAt: Date } | null) => ({
  url: link?.url ?? null,
  urlExpiresAt: link?.expiresAt.toISOString() ?? null,
});
