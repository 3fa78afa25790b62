import { sql } from "drizzle-orm";
import { bigint, index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../../db/columns.ts";

export const exportStatuses = ["queued", "running", "done", "failed", "canceled", "expired"] as const;
export type ExportStatus = (typeof exportStatuses)[number];

/** `jsonl`: a JSON object in each line. `text`: a line for people for each message. */
export const exportFormats = ["jsonl", "text"] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface ExportRequest {
  format: ExportFormat;
  /** JID of the chat. Null for everything about a person. */
  chatId: string | null;
  /** The JIDs of the person, for everything about a person. */
  person?: string[];
  /** Whether each file has a link. */
  mediaLinks: boolean;
  /** ISO 8601. The start is inclusive, the end exclusive. */
  from?: string | undefined;
  before?: string | undefined;
}

/** A part of the file that is in the bucket. */
export interface StoredPart {
  number: number;
  etag: string;
}

/**
 * Jobs that write messages to a file in the bucket. A job has finished what its row says, so another process continues
 * there. Rows have no references, so that the file of a deleted user or instance is removed too.
 */
export const exports = pgTable(
  "exports",
  {
    id: uuid().primaryKey(),
    userId: uuid("user_id").notNull(),
    /** Null for everything about a person. */
    instanceId: uuid("instance_id"),
    request: jsonb().$type<ExportRequest>().notNull(),
    status: text({ enum: exportStatuses }).notNull().default("queued"),
    /** Where the job continues. Null at the start, and at the end. */
    cursor: text(),
    /** S3's id of the unfinished file. */
    uploadId: text("upload_id"),
    parts: jsonb().$type<StoredPart[]>().notNull().default([]),
    /** Lines that are not in a part yet, because they are too few. */
    tail: text(),
    /** Lines that are written, and their bytes. */
    lines: bigint({ mode: "number" }).notNull().default(0),
    bytes: bigint({ mode: "number" }).notNull().default(0),
    /** Number of messages when the job was created. Null if it is not known. */
    total: bigint({ mode: "number" }),
    /** Consecutive failed attempts, and why the last one failed. */
    attempts: integer().notNull().default(0),
    error: text(),
    /** The lease of the process that works on it. See `claim_leases`. */
    claimedBy: uuid("claimed_by"),
    createdAt: instant("created_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
    /** When the file is removed. */
    expiresAt: instant("expires_at"),
  },
  (table) => [
    index("exports_open").on(table.createdAt).where(sql`status in ('queued', 'running')`),
    index("exports_user").on(table.userId, table.createdAt),
  ],
);
