import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import { AppError } from "../error.ts";
import type { Ids } from "../id.ts";
import type { Storage } from "../storage/index.ts";
import { attachment } from "./filename.ts";
import { storableType, uploadKey } from "./index.ts";

/** A Lambda takes 6 MiB of base64 with everything around the file; this leaves room for the rest of the form. Bytes. */
export const maxFormFileBytes = 4_500_000;

/** How long a caller may take to begin an upload. Seconds. */
const uploadSeconds = 60 * 60;

/**
 * A file that came with a request, under an id that its content decides: a request that is made again is the same request.
 * `keep` puts it into the bucket. Throws `invalid_request` when it is empty and `payload_too_large`.
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
      `a file in a form has ${maxFormFileBytes} bytes at most; for more use ${way}`,
    );
  }
  if (file.size === 0) throw new AppError("invalid_request", "file: is empty");
  const bytes = Buffer.from(await file.arrayBuffer());
  const uploadId = createHash("sha256").update(bytes).digest("hex");
  const contentType = storableType(file.type);
  return { uploadId, keep: () => deps.storage.put(uploadKey(instanceId, uploadId), bytes, { contentType }) };
}

/** Where and how a file may be uploaded, once or several times, until `expiresAt`. */
export interface UploadTicket {
  uploadId: string;
  url: string;
  /** To be sent as they are; nothing else is taken. */
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
    ...(file.filename === undefined ? {} : { contentDisposition: attachment(file.filename) }),
  });
  return { uploadId, url, headers, expiresAt };
}

/** Throws `media_not_usable` when nothing is there under this id. */
export async function assertUploaded(
  deps: { storage: Pick<Storage, "head"> },
  instanceId: string,
  id: string,
): Promise<void> {
  if (await deps.storage.head(uploadKey(instanceId, id))) return;
  throw new AppError("media_not_usable", "nothing was uploaded under this uploadId, or it has expired");
}
