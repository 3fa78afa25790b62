import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { NoSuchKey } from "@aws-sdk/client-s3";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import { type Egress, EgressError } from "../../core/egress/index.ts";
import { AppError } from "../../core/error.ts";
import { fileName, nameOfAttachment } from "../../core/media/filename.ts";
import { maxMediaBytes, mediaKey, uploadKey } from "../../core/media/index.ts";
import { spool } from "../../core/media/spool.ts";
import { defined } from "../../core/object.ts";
import type { Storage } from "../../core/storage/index.ts";
import type { Owner } from "../concurrency/fair-turns.ts";
import { type FetchedFile, type PreparedFile, prepareFile } from "./prepare-file.ts";
import { inTempFolder, makeTempFolder, removeFolder } from "./temp-folder.ts";

/** A caller's file that is ready to be sent, on this host's disk and in the bucket. */
export interface StagedFile extends PreparedFile {
  storageKey: string;
  /** Removes the copy on disk. */
  release(): Promise<void>;
}

/** The location of a caller's file, and the kind of message in which to send it. */
export type MediaSource = Pick<
  CommandInput<"message.sendMedia">,
  "url" | "upload" | "kind" | "voice" | "gif" | "round" | "sticker" | "viewOnce" | "hd" | "thumbnail"
> & {
  /** Instead of `url` and `upload`: the key of a file in the bucket. */
  storageKey?: string | undefined;
};

type SmallSource = Pick<MediaSource, "url" | "upload">;

export interface MediaStageDeps {
  storage: Storage;
  egress: Egress;
}

/** Timeout for a file from a URL. */
const fetchTimeoutMs = 120_000;

/** Limits of a fetch. */
interface FetchLimits {
  maxBytes?: number;
  timeoutMs?: number | undefined;
  /** Aborts when the file is no longer needed. */
  signal?: AbortSignal | undefined;
}

/**
 * Fetches callers' files and stores them in the bucket. Each file is first written to the disk, so that memory use
 * doesn't depend on its size, and the bucket holds complete files only.
 */
export class MediaStage {
  readonly #deps: MediaStageDeps;

  constructor(deps: MediaStageDeps) {
    this.#deps = deps;
  }

  /**
   * Fetches a caller's file, from its URL through the egress guard or from the uploads, converts it if necessary, and
   * stores the result in the bucket. Stops between the steps if `signal` aborts. Throws `AppError`: `url_not_allowed`, `media_not_usable`, `payload_too_large`,
   * `not_supported`.
   */
  async stage(
    owner: Owner,
    waId: string,
    source: MediaSource & { filename?: string | undefined },
    signal?: AbortSignal,
  ): Promise<StagedFile> {
    const folder = await makeTempFolder();
    const release = () => removeFolder(folder);
    try {
      const path = join(folder, "file");
      const fetched = await this.#fetch(owner.instanceId, source, path, { signal });
      if (fetched.size === 0) throw new AppError("media_not_usable", "the file is empty");
      // The caller's name for the file may tell its type.
      const named = { ...fetched, filename: source.filename ?? fetched.filename };
      signal?.throwIfAborted();
      const prepared = await prepareFile(owner, named, { ...source, forwarded: source.storageKey !== undefined });
      signal?.throwIfAborted();
      const storageKey = mediaKey(owner.instanceId, waId);
      const { mimetype: contentType, size } = prepared;
      await this.#deps.storage.put(storageKey, createReadStream(prepared.path), { contentType, size });
      return { ...prepared, storageKey, release };
    } catch (error) {
      await release();
      throw error instanceof EgressError ? fetchFailure(error) : error;
    }
  }

  /** Returns the content of a caller's small file, and keeps no copy. Throws like `stage`. */
  readSmall(instanceId: string, source: SmallSource, maxBytes: number): Promise<Buffer> {
    return this.useSmall(instanceId, source, { maxBytes }, (path) => readFile(path));
  }

  /** Runs `use` with the path of a caller's small file, and removes the file afterwards. Throws like `stage`. */
  async useSmall<Result>(
    instanceId: string,
    source: SmallSource,
    limits: FetchLimits,
    use: (path: string) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await inTempFolder(async (folder) => {
        const { path } = await this.#fetch(instanceId, source, join(folder, "file"), limits);
        return await use(path);
      });
    } catch (error) {
      throw error instanceof EgressError ? fetchFailure(error) : error;
    }
  }

  async #fetch(instanceId: string, source: MediaSource, path: string, limits: FetchLimits): Promise<FetchedFile> {
    const { url } = source;
    const { maxBytes = maxMediaBytes } = limits;
    if (url !== undefined) {
      const response = await this.#fetchUrl(url, { ...limits, maxBytes });
      const written = await spool(response.body, path, maxBytes);
      return { ...written, path, claimed: String(response.headers["content-type"] ?? ""), filename: nameOf(url) };
    }
    const key = source.storageKey ?? uploadKey(instanceId, source.upload ?? "");
    return await fetchStored(this.#deps.storage, key, path, maxBytes);
  }

  async #fetchUrl(url: string, { maxBytes, timeoutMs = fetchTimeoutMs, signal }: FetchLimits & { maxBytes: number }) {
    const request = { timeoutMs, maxBytes, redirects: 3, ...defined({ signal }) };
    const response = await this.#deps.egress.fetch(url, request);
    if (response.status !== 200) {
      response.body.destroy();
      throw new AppError("media_not_usable", `the URL responded with HTTP status ${response.status}`);
    }
    return response;
  }
}

/**
 * Writes a file from the bucket to the disk. Throws `media_not_usable` if it does not exist, or `payload_too_large`.
 */
export async function fetchStored(
  storage: Storage,
  key: string,
  path: string,
  maxBytes: number = maxMediaBytes,
): Promise<FetchedFile> {
  const stored = await storage.get(key).catch((error: unknown) => {
    if (!(error instanceof NoSuchKey)) throw error;
    throw new AppError("media_not_usable", "no upload has this id, or it has expired", { cause: error });
  });
  const written = await spool(stored.body, path, maxBytes);
  const filename = nameOfAttachment(stored.contentDisposition) ?? "file";
  return { ...written, path, claimed: stored.contentType, filename };
}

/** Returns the last part of a URL's path as the file name. */
function nameOf(url: string): string {
  const raw = basename(new URL(url).pathname);
  try {
    return fileName.safeParse(decodeURIComponent(raw)).data ?? "file";
  } catch {
    // The percent-encoding is invalid.
    return raw;
  }
}

function fetchFailure(error: EgressError): AppError {
  if (error.kind === "too_large") return new AppError("payload_too_large", error.message);
  return new AppError("media_not_usable", `the URL could not be fetched: ${error.message}`);
}
