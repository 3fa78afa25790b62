import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import { AppError } from "../error.ts";
import type { Ids } from "../id.ts";
import { defined } from "../object.ts";
import type { Storage } from "../storage/index.ts";
import { attachment } from "./filename.ts";
import { storableType, uploadKey } from "./index.ts";

/** Bytes. A Lambda accepts 6 MiB of base64. This limit leaves room for the rest of the form. */
export const maxFormFileBytes = 4_500_000;

/** The time in seconds after the request for an upload within which the upload can begin. */
const uploadSeconds = 60 * 60;

/**
 * Reads a file from a form. The id of the file depends on its content, so that a repeated request equals the first
 * request. `keep` stores the file in the bucket. Throws `invalid_request` if the file is empty, and
 * `payload_too_large`.
 */
export async function takeFile(
  deps: { storage: Pick<Storage, "put"> },
  instanceId: string,
  file: File,
): Promise<{ uploadId: string; keep(): Promise<void> }> {
  if (file.size > maxFormFileBytes) {
    const way = `POST /api/whatsapp/${instanceId}/uploads, then send-media with its uploadId`;
    throw new AppError(
      "payload_too_large",
      `a file in a form must be at most ${maxFormFileBytes} bytes; for larger files use ${way}`,
    );
  }
  if (file.size === 0) throw new AppError("invalid_request", "file: is empty");
  const bytes = Buffer.from(await file.arrayBuffer());
  const uploadId = createHash("sha256").update(bytes).digest("hex");
  const contentType = storableType(file.type);
  return { uploadId, keep: () => deps.storage.put(uploadKey(instanceId, uploadId), bytes, { contentType }) };
}

/** How to upload a file. The URL can be used several times, until `expiresAt`. */
export interface UploadTicket {
  uploadId: string;
  url: string;
  /** The upload must send exactly these headers. */
  headers: Record<string, string>;
  expiresAt: Date;
}

export async function openUpload(
  deps: { storage: Pick<Storage, "presignPut">; clock: Clock; ids: Ids },
  instanceId: string,
  file: { size: number; contentType?: string | undefined; filename?: string | undefined },
): Promise<UploadTicket> {
  const uploadId = deps.ids.uuid().replaceAll("-", "");
  const expiresAt = new Date(deps.clock.now().getTime() + uploadSeconds * 1000);
  const { url, headers } = await deps.storage.presignPut(uploadKey(instanceId, uploadId), uploadSeconds, {
    size: file.size,
    contentType: storableType(file.contentType ?? null),
    ...defined({ contentDisposition: file.filename === undefined ? undefined : attachment(file.filename) }),
  });
  return { uploadId, url, headers, expiresAt };
}

/** Throws `media_not_usable` if no upload has this id. */
export async function assertUploaded(
  deps: { storage: Pick<Storage, "head"> },
  instanceId: string,
  id: string,
): Promise<void> {
  if (await deps.storage.head(uploadKey(instanceId, id))) return;
  throw new AppError("media_not_usable", "no file was uploaded with this uploadId, or the file has expired");
}
