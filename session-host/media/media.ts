import { createReadStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { NoSuchKey } from "@aws-sdk/client-s3";
import type { MediaType, WASocket } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import type { Database } from "../../core/db/index.ts";
import { type Egress, EgressError } from "../../core/egress/index.ts";
import { AppError } from "../../core/error.ts";
import type { Logger } from "../../core/log.ts";
import { fileName, nameOfAttachment } from "../../core/media/filename.ts";
import { maxMediaBytes, mediaKey, storableType, uploadKey } from "../../core/media/index.ts";
import { spool } from "../../core/media/spool.ts";
import { eventMedia } from "../../core/message/event-media.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import type { Storage } from "../../core/storage/index.ts";
import { Limiter } from "../concurrency/limiter.ts";
import type { Change } from "../ledger/change.ts";
import { Damaged, download } from "./download.ts";
import { type FetchedFile, type PreparedFile, prepareFile } from "./prepare-file.ts";

/** A caller's file that is ready to be sent, on this host's disk and in the bucket. */
export interface StagedFile extends PreparedFile {
  storageKey: string;
  /** Removes the copy on disk. */
  release(): Promise<void>;
}

/** Where a caller's file is, and what to send it as. */
export type MediaSource = Pick<CommandInput<"message.sendMedia">, "url" | "upload" | "kind" | "voice"> & {
  /** Instead of `url` and `upload`: the key of a message's file in the bucket. */
  kept?: string | undefined;
};

/** What a connection offers for downloads from WhatsApp's media host. */
export interface MediaConnection {
  readonly sock: Pick<WASocket, "refreshMediaConn" | "getMediaHost">;
  readonly downloads: RequestInit;
}

export interface MediaStageDeps {
  db: Database;
  storage: Storage;
  egress: Egress;
  log: Logger;
  record: (instanceId: string, change: Change) => Promise<void>;
}

const fetchTimeoutMs = 120_000;
const concurrentDownloads = 4;
/** Pauses before each retry of a failed download. After the last one, the file counts as lost. */
const retryPausesMs = [1000, 5000];

/**
 * Moves files between callers, WhatsApp and the bucket. Each file is first written to the disk, so that memory use doesn't
 * depend on its size, and the bucket holds complete files only.
 */
export class MediaStage {
  readonly #deps: MediaStageDeps;
  readonly #downloads = new Limiter(concurrentDownloads);
  readonly #connections = new Map<string, MediaConnection>();
  readonly #busy = new Set<string>();
  readonly #again = new Set<string>();

  constructor(deps: MediaStageDeps) {
    this.#deps = deps;
  }

  /**
   * Fetches a caller's file, from its URL through the egress guard or from the uploads, converts it if necessary, and stores
   * the result in the bucket. Throws `AppError`: `url_not_allowed`, `media_not_usable`, `payload_too_large`, `not_supported`.
   */
  async stage(instanceId: string, waId: string, source: MediaSource): Promise<StagedFile> {
    const folder = await mkdtemp(join(tmpdir(), "switchboard-"));
    const release = () => rm(folder, { recursive: true, force: true });
    try {
      const path = join(folder, "file");
      const fetched = await this.#fetch(instanceId, source, path);
      if (fetched.size === 0) throw new AppError("media_not_usable", "the file is empty");
      const prepared = await prepareFile(fetched, source);
      const storageKey = mediaKey(instanceId, waId);
      const { mimetype: contentType, size } = prepared;
      await this.#deps.storage.put(storageKey, createReadStream(prepared.path), { contentType, size });
      return { ...prepared, storageKey, release };
    } catch (error) {
      await release();
      throw error instanceof EgressError ? fetchFailure(error) : error;
    }
  }

  /** Returns the content of a caller's small file. Keeps no copy. Throws like `stage`. */
  async take(instanceId: string, source: Pick<MediaSource, "url" | "upload">, maxBytes: number): Promise<Buffer> {
    const folder = await mkdtemp(join(tmpdir(), "switchboard-"));
    try {
      const { path } = await this.#fetch(instanceId, source, join(folder, "file"), maxBytes);
      return await readFile(path);
    } catch (error) {
      throw error instanceof EgressError ? fetchFailure(error) : error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #fetch(
    instanceId: string,
    source: MediaSource,
    path: string,
    maxBytes: number = maxMediaBytes,
  ): Promise<FetchedFile> {
    const { url } = source;
    if (url !== undefined) {
      const response = await this.#fetchUrl(url, maxBytes);
      const written = await spool(response.body, path, maxBytes);
      return { ...written, path, claimed: String(response.headers["content-type"] ?? ""), filename: nameOf(url) };
    }
    const key = source.kept ?? uploadKey(instanceId, source.upload ?? "");
    return await fetchStored(this.#deps.storage, key, path, maxBytes);
  }

  async #fetchUrl(url: string, maxBytes: number) {
    const response = await this.#deps.egress.fetch(url, {
      timeoutMs: fetchTimeoutMs,
      maxBytes,
      redirects: 3,
    });
    if (response.status !== 200) {
      response.body.destroy();
      throw new AppError("media_not_usable", `the URL responded with HTTP status ${response.status}`);
    }
    return response;
  }

  /** From now on, files are fetched from WhatsApp over this connection. */
  connected(instanceId: string, connection: MediaConnection): void {
    this.#connections.set(instanceId, connection);
    this.wake(instanceId);
  }

  disconnected(instanceId: string): void {
    this.#connections.delete(instanceId);
  }

  /** Fetches those files of the instance's messages that are not in the bucket yet. */
  wake(instanceId: string): void {
    if (this.#busy.has(instanceId)) {
      this.#again.add(instanceId);
      return;
    }
    this.#busy.add(instanceId);
    this.#fetchPending(instanceId)
      .catch((error: unknown) =>
        this.#deps.log.warn({ err: error, instanceId }, "files were not fetched and wait for the next connection"),
      )
      .finally(() => {
        this.#busy.delete(instanceId);
        if (this.#again.delete(instanceId)) this.wake(instanceId);
      });
  }

  async #fetchPending(instanceId: string): Promise<void> {
    for (;;) {
      const rows = await this.#deps.db.sql<{ id: string; wa_id: string; chat_id: string; media: MessageMedia }[]>`
        select id, wa_id, chat_id, media from messages
        where instance_id = ${instanceId} and media->>'state' = 'pending' order by id limit 32`;
      if (rows.length === 0) return;
      await Promise.all(
        rows.map(async (row) => {
          const leave = await this.#downloads.enter();
          try {
            const connection = this.#connections.get(instanceId);
            if (!connection) throw new Error("the instance is not connected");
            const media = await this.#download(connection, instanceId, row);
            await this.#deps.record(instanceId, {
              messageUpdates: [{ id: row.id, set: { media } }],
              events: [
                media.state === "stored"
                  ? {
                      type: "media.stored",
                      data: { messageId: row.wa_id, chatId: row.chat_id, media: eventMedia(media) },
                    }
                  : {
                      type: "media.failed",
                      data: { messageId: row.wa_id, chatId: row.chat_id, error: media.error ?? "" },
                    },
              ],
              correlationId: row.wa_id,
            });
          } finally {
            leave();
          }
        }),
      );
    }
  }

  /** Returns the file's new state. Throws only for transient failures: of our own storage, or a lost connection. */
  async #download(
    connection: MediaConnection,
    instanceId: string,
    { wa_id: correlationId, media }: { wa_id: string; media: MessageMedia },
  ): Promise<MessageMedia> {
    const folder = await mkdtemp(join(tmpdir(), "switchboard-"));
    const path = join(folder, "file");
    try {
      const { size, sha256 } = await this.#fromWhatsApp(connection, instanceId, media, path);
      if (media.sha256 && media.sha256 !== sha256)
        throw new MediaFault("the file is damaged: its hash differs from the announced one");
      const contentType = storableType(media.mimetype);
      await this.#deps.storage.put(media.storageKey, createReadStream(path), { contentType, size });
      return { ...media, size, sha256, state: "stored", error: null, source: null };
    } catch (error) {
      if (!(error instanceof MediaFault)) throw error;
      this.#deps.log.warn(
        { correlationId, instanceId, storageKey: media.storageKey, reason: error.message },
        "a file could not be fetched from WhatsApp",
      );
      return { ...media, state: "failed", error: error.message, source: null };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #fromWhatsApp(
    connection: MediaConnection,
    instanceId: string,
    media: MessageMedia,
    path: string,
  ): Promise<{ size: number; sha256: string }> {
    const { source } = media;
    // The sender chooses the path. Without a leading slash, it could extend the host name to a host of the sender's choice.
    if (!source?.directPath?.startsWith("/"))
      throw new MediaFault("the message names no file on WhatsApp's media host");
    for (let attempt = 0; ; attempt++) {
      try {
        await connection.sock.refreshMediaConn(attempt > 0);
        const url = `https://${connection.sock.getMediaHost()}${source.directPath}`;
        const mediaKey = Buffer.from(source.mediaKey, "base64");
        return await download({ url, mediaKey, kind: source.kind as MediaType }, connection.downloads, path);
      } catch (error) {
        if (this.#connections.get(instanceId) !== connection) throw error;
        // A retry would have the same result.
        if (error instanceof Damaged || error instanceof AppError) throw new MediaFault(error.message);
        if (attempt === retryPausesMs.length)
          throw new MediaFault(error instanceof Error ? error.message : String(error));
        await sleep(retryPausesMs[attempt]);
      }
    }
  }
}

/** Writes a file from the bucket to the disk. Throws `media_not_usable` if it is not there, or `payload_too_large`. */
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

/** A failure that a retry would not change. */
class MediaFault extends Error {}

/** Returns the last part of a URL's path. */
function nameOf(url: string): string {
  const raw = basename(new URL(url).pathname);
  try {
    return fileName.safeParse(decodeURIComponent(raw)).data ?? "file";
  } catch {
    // The escapes are invalid.
    return raw;
  }
}

function fetchFailure(error: EgressError): AppError {
  if (error.kind === "too_large") return new AppError("payload_too_large", error.message);
  return new AppError("media_not_usable", `the URL could not be fetched: ${error.message}`);
}
