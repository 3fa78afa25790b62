import * as z from "zod";
import { AppError } from "../error.ts";
import { isUuid } from "../id.ts";
import type { Storage } from "../storage/index.ts";
import { mediaId, mediaKey, mediaPrefix, uploadId, uploadKey, uploadPrefix } from "./index.ts";

/** A file in the bucket. Without `instanceId`, it belongs to the instance that it is used with. */
export type Staged = { instanceId?: string } & (
  | { upload: string; media?: undefined }
  | { media: string; upload?: undefined }
);

/**
 * A file for endpoints whose field is called a path: the id that an upload or a conversion returned, or the storage key
 * of a message's file. Paths on a disk and URLs are refused.
 */
export const stagedFile = z
  .string()
  .transform((text, context): Staged => {
    const named = uploadId.safeParse(text).success ? { upload: text } : keyOf(text);
    if (named) return named;
    context.addIssue({
      code: "custom",
      message: "must be what an upload or a conversion returned, not a path or URL",
    });
    return z.NEVER;
  })
  .meta({
    description: "The `filePath` that an upload or a conversion returned, or the storage key of a message's file",
  });

function keyOf(key: string): Staged | undefined {
  const [, instanceId = "", id = "", ...rest] = key.split("/");
  if (!isUuid(instanceId) || rest.length > 0) return undefined;
  if (key === uploadKey(instanceId, id) && uploadId.safeParse(id).success) return { instanceId, upload: id };
  if (key === mediaKey(instanceId, id) && mediaId.safeParse(id).success) return { instanceId, media: id };
  return undefined;
}

/** Key of a staged file in the bucket. */
export const stagedKey = (
  instanceId: string,
  { upload, media }: { upload?: string | undefined; media?: string | undefined },
) => (upload === undefined ? mediaPrefix(instanceId) + media : uploadPrefix(instanceId) + upload);

/**
 * Throws `media_not_usable` if the file does not exist or belongs to another instance. The error does not reveal which
 * case it is.
 */
export async function assertStaged(deps: { storage: Pick<Storage, "head"> }, instanceId: string, file: Staged) {
  const own = file.instanceId === undefined || file.instanceId === instanceId;
  const found = own ? await deps.storage.head(stagedKey(instanceId, file)) : undefined;
  if (!found)
    throw new AppError("media_not_usable", "this instance has no file with this filePath, or the file has expired");
  return found;
}
