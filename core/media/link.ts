import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import { requestFile } from "../db/request-file.ts";
import { AppError } from "../error.ts";
import { isUuid } from "../id.ts";
import type { MessageMedia } from "../message/message.sql.ts";
import type { Storage } from "../storage/index.ts";
import { inventedName, nameOfAttachment } from "./filename.ts";
import { storableType, uploadKey } from "./index.ts";
import { servedAs } from "./served.ts";
import { assertStaged } from "./staged.ts";

/** A URL from which anyone can fetch the file until `expiresAt`. */
export interface MediaLink {
  url: string;
  expiresAt: Date;
  mimetype: string;
  filename: string;
  /** Bytes. */
  size: number | null;
  /** Hexadecimal. */
  sha256: string | null;
}

const linkSeconds = 5 * 60;
/** Pauses between two looks for a file that is being fetched, in milliseconds. The last pause is repeated. */
const pausesMs = [100, 200, 400, 800];
/**
 * The number of seconds after which a caller should retry. The host fetches a file as soon as it has recorded the
 * message.
 */
const retrySeconds = 2;

/**
 * Returns a new link to the file of a message, given WhatsApp's id or ours. Senders choose WhatsApp's ids: of several
 * messages with one id, the account's own message takes precedence, then the oldest message. Throws
 * `message_not_found`, `media_not_ready`, `media_lost`.
 */
export async function linkToMedia(
  deps: { db: Database; storage: Pick<Storage, "head" | "presign">; clock: Clock },
  instanceId: string,
  messageId: string,
  kind: "attachment" | "inline" = "attachment",
): Promise<MediaLink> {
  const [row] = await deps.db.sql<{ id: string; wa_id: string; media: MessageMedia | null }[]>`
    select id, wa_id, media from messages
    where instance_id = ${instanceId} and ${isUuid(messageId) ? deps.db.sql`id = ${messageId}` : deps.db.sql`wa_id = ${messageId}`}
    order by media is null, from_me desc, id limit 1`;
  if (!row) throw new AppError("message_not_found");
  const { media } = row;
  if (!media) throw new AppError("message_not_found", "the message has no file");
  if (media.state === "remote" || media.retry) await requestFile(deps.db, row.id);
  if (media.state === "pending" || media.state === "remote") {
    throw new AppError("media_not_ready", "the file is still being fetched from WhatsApp: try again in a moment", {
      data: { retryAfter: retrySeconds },
    });
  }
  if (media.state === "failed") throw new AppError("media_lost", media.error ?? undefined);
  const mimetype = storableType(media.mimetype);
  const filename = media.filename || inventedName(row.wa_id, media.mimetype);
  return {
    url: await deps.storage.presign(media.storageKey, linkSeconds, servedAs(kind, mimetype, filename)),
    expiresAt: new Date(deps.clock.now().getTime() + linkSeconds * 1000),
    mimetype,
    filename,
    size: media.size,
    sha256: media.sha256,
  };
}

/**
 * Like `linkToMedia`, but waits up to `waitMs` while the file is being fetched from WhatsApp. A receiver of a webhook may
 * request the file as soon as it has the webhook.
 */
export async function waitForMedia(
  deps: Parameters<typeof linkToMedia>[0],
  instanceId: string,
  messageId: string,
  { waitMs, kind }: { waitMs: number; kind: "attachment" | "inline" },
): Promise<MediaLink> {
  const end = performance.now() + waitMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await linkToMedia(deps, instanceId, messageId, kind);
    } catch (error) {
      const pauseMs = pausesMs[Math.min(attempt, pausesMs.length - 1)] ?? 0;
      const isPending = error instanceof AppError && error.code === "media_not_ready";
      if (!isPending || performance.now() + pauseMs > end) throw error;
      await sleep(pauseMs);
    }
  }
}

/** Returns a new link to an upload or a converted file. Throws `media_not_usable` if the file does not exist. */
export async function linkToUpload(
  deps: { storage: Pick<Storage, "head" | "presign">; clock: Clock },
  instanceId: string,
  upload: string,
): Promise<MediaLink> {
  const { contentType, contentDisposition, size } = await assertStaged(deps, instanceId, { upload });
  const filename = nameOfAttachment(contentDisposition) ?? inventedName(upload, contentType);
  return {
    url: await deps.storage.presign(
      uploadKey(instanceId, upload),
      linkSeconds,
      servedAs("attachment", contentType, filename),
    ),
    expiresAt: new Date(deps.clock.now().getTime() + linkSeconds * 1000),
    mimetype: contentType,
    filename,
    size,
    sha256: null,
  };
}
