import { createReadStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MediaType, WASocket } from "@whiskeysockets/baileys";
import type { Database } from "../../core/db/index.ts";
import { AppError } from "../../core/error.ts";
import type { Logger } from "../../core/log.ts";
import { storableType } from "../../core/media/index.ts";
import type { Digest } from "../../core/media/spool.ts";
import { eventMedia } from "../../core/message/event-media.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import type { Storage } from "../../core/storage/index.ts";
import { Limiter } from "../concurrency/limiter.ts";
import type { Change } from "../ledger/change.ts";
import { DamagedFile, download } from "./download.ts";
import { inTempFolder } from "./temp-folder.ts";

/** The part of a connection that is needed to download from WhatsApp's media host. */
export interface MediaConnection {
  readonly sock: Pick<WASocket, "refreshMediaConn" | "getMediaHost">;
  /** Options for `fetch` that reach the media host. */
  readonly downloads: RequestInit;
}

export interface MediaDownloadsDeps {
  db: Database;
  storage: Storage;
  log: Logger;
  instanceId: string;
  record: (change: Change) => Promise<void>;
}

interface PendingRow {
  id: string;
  wa_id: string;
  chat_id: string;
  from_me: boolean;
  media: MessageMedia;
}

const concurrentDownloads = 4;
/** Pauses before the retries of a failed download. After the last retry, the file counts as lost. */
const retryPausesMs = [1000, 5000];

/** Fetches the files of one instance's messages from WhatsApp, and stores them in the bucket. */
export class MediaDownloads {
  readonly #deps: MediaDownloadsDeps;
  readonly #turns = new Limiter(concurrentDownloads);
  #connection: MediaConnection | undefined;
  #running = false;
  #wokenAgain = false;

  constructor(deps: MediaDownloadsDeps) {
    this.#deps = deps;
  }

  /** Fetches files over this connection from now on. */
  connected(connection: MediaConnection): void {
    this.#connection = connection;
    this.wake();
  }

  /** Fetches no files until the next connection. */
  disconnected(): void {
    this.#connection = undefined;
  }

  /** Fetches the files that are not in the bucket yet. */
  wake(): void {
    if (this.#running) {
      this.#wokenAgain = true;
      return;
    }
    this.#running = true;
    const { log, instanceId } = this.#deps;
    this.#fetchPending()
      .catch((error: unknown) =>
        log.warn({ err: error, instanceId }, "files were not fetched and wait for the next connection"),
      )
      .finally(() => {
        this.#running = false;
        if (!this.#wokenAgain) return;
        this.#wokenAgain = false;
        this.wake();
      });
  }

  async #fetchPending(): Promise<void> {
    for (;;) {
      const rows = await this.#deps.db.sql<PendingRow[]>`
        select id, wa_id, chat_id, from_me, media from messages
        where instance_id = ${this.#deps.instanceId} and media->>'state' = 'pending' order by id limit 32`;
      if (rows.length === 0) return;
      await Promise.all(rows.map((row) => this.#fetch(row)));
    }
  }

  async #fetch(row: PendingRow): Promise<void> {
    const leave = await this.#turns.enter();
    try {
      if (!this.#connection) throw new Error("the instance is not connected");
      const media = await this.#store(this.#connection, row);
      const origin = { messageId: row.wa_id, chatId: row.chat_id, fromMe: row.from_me };
      await this.#deps.record({
        messageUpdates: [{ id: row.id, set: { media } }],
        events: [
          media.state === "stored"
            ? { type: "media.stored", data: { ...origin, media: eventMedia(media) } }
            : { type: "media.failed", data: { ...origin, error: media.error ?? "" } },
        ],
        correlationId: row.wa_id,
      });
    } finally {
      leave();
    }
  }

  /**
   * Fetches a file and stores it in the bucket. Returns the new state of the file. Throws only for temporary failures:
   * of the bucket, or a lost connection.
   */
  async #store(connection: MediaConnection, { wa_id: correlationId, media }: PendingRow): Promise<MessageMedia> {
    const { storage, log, instanceId } = this.#deps;
    try {
      const { size, sha256 } = await inTempFolder(async (folder) => {
        const path = join(folder, "file");
        const digest = await this.#download(connection, media, path);
        if (media.sha256 && media.sha256 !== digest.sha256)
          throw new FileLost("the file is damaged: its hash differs from the hash in the message");
        const contentType = storableType(media.mimetype);
        await storage.put(media.storageKey, createReadStream(path), { contentType, size: digest.size });
        return digest;
      });
      return { ...media, size, sha256, state: "stored", error: null, source: null };
    } catch (error) {
      if (!(error instanceof FileLost)) throw error;
      const { storageKey } = media;
      log.warn(
        { correlationId, instanceId, storageKey, reason: error.message },
        "a file could not be fetched from WhatsApp",
      );
      return { ...media, state: "failed", error: error.message, source: null };
    }
  }

  async #download(connection: MediaConnection, { source }: MessageMedia, path: string): Promise<Digest> {
    // The sender chooses the path. Without a leading slash, it could turn the host name into that of another host.
    if (!source?.directPath?.startsWith("/")) throw new FileLost("the message names no file on WhatsApp's media host");
    for (let attempt = 0; ; attempt++) {
      try {
        await connection.sock.refreshMediaConn(attempt > 0);
        const url = `https://${connection.sock.getMediaHost()}${source.directPath}`;
        const mediaKey = Buffer.from(source.mediaKey, "base64");
        return await download({ url, mediaKey, kind: source.kind as MediaType }, connection.downloads, path);
      } catch (error) {
        if (this.#connection !== connection) throw error;
        // A retry would have the same result.
        if (error instanceof DamagedFile || error instanceof AppError) throw new FileLost(error.message);
        if (attempt === retryPausesMs.length)
          throw new FileLost(error instanceof Error ? error.message : String(error));
        await sleep(retryPausesMs[attempt]);
      }
    }
  }
}

/** A failure after which the file counts as lost. */
class FileLost extends Error {}
