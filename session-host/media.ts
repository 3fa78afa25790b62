import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { downloadContentFromMessage, type MediaType } from "@whiskeysockets/baileys";
import { fileTypeFromFile } from "file-type";
import type { MediaKind } from "../core/command/message.ts";
import type { Database } from "../core/db/index.ts";
import { type Egress, EgressError } from "../core/egress/index.ts";
import { AppError } from "../core/error.ts";
import type { Logger } from "../core/log.ts";
import { maxMediaBytes, mediaKey } from "../core/media/index.ts";
import type { MessageMedia } from "../core/message/message.sql.ts";
import type { Storage } from "../core/storage/index.ts";
import type { Change } from "./change.ts";
import type { Connection } from "./connection.ts";
import { publicMedia } from "./inbox.ts";
import { Limiter } from "./limiter.ts";

/** A file of a caller, on this host's disk and in the bucket. */
export interface StagedFile {
  path: string;
  kind: MediaKind;
  mimetype: string;
  filename: string;
  /** Bytes. */
  size: number;
  /** Hexadecimal. */
  sha256: string;
  storageKey: string;
  /** Removes the copy on disk. */
  release(): Promise<void>;
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
/** A media host that stumbles is asked again; then the file counts as lost. */
const retryPausesMs = [1000, 5000];

/**
 * Moves files between callers, WhatsApp and the bucket. Every file goes over the disk, so that memory does not grow with it
 * and nothing stands in the bucket that was not seen whole.
 */
export class MediaStage {
  readonly #deps: MediaStageDeps;
  readonly #downloads = new Limiter(concurrentDownloads);
  readonly #connections = new Map<string, Connection>();
  readonly #busy = new Set<string>();
  readonly #again = new Set<string>();

  constructor(deps: MediaStageDeps) {
    this.#deps = deps;
  }

  /**
   * Fetches what a caller's URL points to, through the egress guard. Throws `AppError`: `url_not_allowed`,
   * `media_not_usable`, `payload_too_large`.
   */
  async stageFromUrl(instanceId: string, waId: string, url: string): Promise<StagedFile> {
    const folder = await mkdtemp(join(tmpdir(), "switchboard-"));
    const release = () => rm(folder, { recursive: true, force: true });
    try {
      const path = join(folder, "file");
      const response = await this.#fetch(url);
      const { size, sha256 } = await spool(response.body, path, maxMediaBytes);
      if (size === 0) throw new AppError("media_not_usable", "the file is empty");
      const { mimetype, kind } = await recognize(path, String(response.headers["content-type"] ?? ""));
      const storageKey = mediaKey(instanceId, waId);
      await this.#deps.storage.put(storageKey, createReadStream(path), { contentType: mimetype, size });
      const filename = basename(new URL(url).pathname) || "file";
      return { path, kind, mimetype, filename, size, sha256, storageKey, release };
    } catch (error) {
      await release();
      throw error instanceof EgressError ? fetchFailure(error) : error;
    }
  }

  async #fetch(url: string) {
    const response = await this.#deps.egress.fetch(url, {
      timeoutMs: fetchTimeoutMs,
      maxBytes: maxMediaBytes,
      redirects: 3,
    });
    if (response.status !== 200) {
      response.body.destroy();
      throw new AppError("media_not_usable", `the URL answers with status ${response.status}`);
    }
    return response;
  }

  /** Files can be fetched from WhatsApp with the session's media host. */
  connected(instanceId: string, connection: Connection): void {
    this.#connections.set(instanceId, connection);
    this.wake(instanceId);
  }

  disconnected(instanceId: string): void {
    this.#connections.delete(instanceId);
  }

  /** Fetches the files of this instance that are not in the bucket yet. */
  wake(instanceId: string): void {
    if (this.#busy.has(instanceId)) {
      this.#again.add(instanceId);
      return;
    }
    this.#busy.add(instanceId);
    this.#fetchPending(instanceId)
      .catch((error: unknown) => this.#deps.log.warn({ err: error, instanceId }, "files wait for the next connection"))
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
            if (!connection) throw new Error("the connection is away");
            const media = await this.#download(connection, instanceId, row.media);
            await this.#deps.record(instanceId, {
              messageUpdates: [{ id: row.id, set: { media } }],
              events: [
                media.state === "stored"
                  ? {
                      type: "media.stored",
                      data: { messageId: row.wa_id, chatId: row.chat_id, media: publicMedia(media) },
                    }
                  : {
                      type: "media.failed",
                      data: { messageId: row.wa_id, chatId: row.chat_id, error: media.error ?? "" },
                    },
              ],
            });
          } finally {
            leave();
          }
        }),
      );
    }
  }

  /** Answers the file's new state. Throws only for what may pass: our own storage, a lost connection. */
  async #download(connection: Connection, instanceId: string, media: MessageMedia): Promise<MessageMedia> {
    const folder = await mkdtemp(join(tmpdir(), "switchboard-"));
    const path = join(folder, "file");
    try {
      const { size, sha256 } = await this.#fromWhatsApp(connection, instanceId, media, path);
      if (media.sha256 && media.sha256 !== sha256)
        throw new MediaFault("the file is damaged: its hash is not the one that was announced");
      const contentType = storableType(media.mimetype);
      await this.#deps.storage.put(media.storageKey, createReadStream(path), { contentType, size });
      return { ...media, size, sha256, state: "stored", error: null, source: null };
    } catch (error) {
      if (!(error instanceof MediaFault)) throw error;
      this.#deps.log.warn(
        { instanceId, storageKey: media.storageKey, reason: error.message },
        "a file could not be had from WhatsApp",
      );
      return { ...media, state: "failed", error: error.message, source: null };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #fromWhatsApp(
    connection: Connection,
    instanceId: string,
    media: MessageMedia,
    path: string,
  ): Promise<{ size: number; sha256: string }> {
    const { source } = media;
    // The sender chose the path, and Baileys puts it behind a host name: without the slash it could name a host of its own.
    if (!source?.directPath?.startsWith("/"))
      throw new MediaFault("the message names no file on WhatsApp's media host");
    for (let attempt = 0; ; attempt++) {
      try {
        await connection.sock.refreshMediaConn(attempt > 0);
        const stream = await downloadContentFromMessage(
          { directPath: source.directPath, mediaKey: Buffer.from(source.mediaKey, "base64") },
          source.kind as MediaType,
          { host: connection.sock.getMediaHost(), options: connection.downloads },
        );
        return await spool(stream, path, maxMediaBytes);
      } catch (error) {
        if (this.#connections.get(instanceId) !== connection) throw error;
        if (attempt === retryPausesMs.length)
          throw new MediaFault(error instanceof Error ? error.message : String(error));
        await sleep(retryPausesMs[attempt]);
      }
    }
  }
}

/** Trying again would give the same. */
class MediaFault extends Error {}

/** Writes a stream to a file, hashing it on the way. Throws `payload_too_large` past `limit` bytes. */
async function spool(
  source: NodeJS.ReadableStream,
  path: string,
  limit: number,
): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  let size = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > limit) {
        done(new AppError("payload_too_large", `files may have ${limit} bytes at most`));
        return;
      }
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(source, meter, createWriteStream(path, { mode: 0o600 }));
  return { size, sha256: hash.digest("hex") };
}

/** The type as a header can carry it: a sender may state anything, and storage would refuse the file for ever. */
function storableType(stated: string | null): string {
  return stated && /^[\w.+-]{1,64}\/[\w.+-]{1,64}(?:; ?[\w=". +-]{1,64})?$/.test(stated)
    ? stated
    : "application/octet-stream";
}

/** What WhatsApp shows as such; everything else travels as a document. */
const shownKinds: Record<string, MediaKind> = {
  "image/jpeg": "image",
  "image/png": "image",
  "image/webp": "image",
  "video/mp4": "video",
  "video/3gpp": "video",
  "audio/ogg": "audio",
  "audio/mpeg": "audio",
  "audio/mp4": "audio",
  "audio/x-m4a": "audio",
  "audio/aac": "audio",
  "audio/amr": "audio",
};

/** The type is what the content says; a server's header counts only for what has no magic number, as text. */
async function recognize(path: string, header: string): Promise<{ mimetype: string; kind: MediaKind }> {
  const found = await fileTypeFromFile(path);
  const claimed = header.split(";")[0]?.trim().toLowerCase();
  const textual =
    claimed && /^(text\/|application\/(json|xml|rtf))/.test(claimed) ? claimed : "application/octet-stream";
  const mimetype = found?.mime.split(";")[0] ?? textual;
  return { mimetype, kind: shownKinds[mimetype] ?? "document" };
}

function fetchFailure(error: EgressError): AppError {
  if (error.kind === "too_large") return new AppError("payload_too_large", error.message);
  return new AppError("media_not_usable", `the URL could not be fetched: ${error.message}`);
}
