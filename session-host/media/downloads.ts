import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { BaileysEventMap, MediaType } from "@whiskeysockets/baileys";
import type { Clock } from "../../core/clock.ts";
import type { Database } from "../../core/db/index.ts";
import { AppError } from "../../core/error.ts";
import type { Logger } from "../../core/log.ts";
import { storableType } from "../../core/media/index.ts";
import type { Digest } from "../../core/media/spool.ts";
import { eventMedia } from "../../core/message/event-media.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import { isGroupJid } from "../../core/message/recipient.ts";
import { statusChat } from "../../core/message/status.ts";
import type { Storage } from "../../core/storage/index.ts";
import { asInstance } from "../concurrency/instance-context.ts";
import { Limiter } from "../concurrency/limiter.ts";
import type { Change } from "../ledger/change.ts";
import { DamagedFile, FileGone } from "./download.ts";
import type { MediaHosts } from "./hosts.ts";
import { fileIsDue, nextTry, withoutRetry } from "./retry.ts";
import { askPhone, type GoneFile, pathIn, ReuploadRefused, type ReuploadSocket, reuploadWaitsMs } from "./reupload.ts";
import { inTempFolder } from "./temp-folder.ts";

/** The part of a connection that is needed to download from WhatsApp's media hosts. */
export interface MediaConnection {
  readonly sock: ReuploadSocket;
  readonly mediaHosts: Pick<MediaHosts, "download">;
}

export interface MediaDownloadsDeps {
  db: Database;
  storage: Storage;
  log: Logger;
  clock: Clock;
  instanceId: string;
  record: (change: Change) => Promise<void>;
  /** How long each request to the phone waits, in milliseconds. Default: `reuploadWaitsMs`. */
  reuploadWaitsMs?: readonly number[];
}

interface PendingRow {
  id: string;
  wa_id: string;
  chat_id: string;
  from_me: boolean;
  sender_id: string;
  sender_lid: string | null;
  media: MessageMedia;
}

const concurrentDownloads = 4;
/** Maximum number of files that the phone is asked for at the same time. The others wait without a download's place. */
const concurrentRequests = 4;
/** Maximum number of files that wait for the phone. Further files count as lost, because the phone can't catch up. */
const maxAsked = 1_000;

/** Fetches the files of one instance's messages from WhatsApp, and stores them in the bucket. */
export class MediaDownloads {
  readonly #deps: MediaDownloadsDeps;
  readonly #turns = new Limiter(concurrentDownloads);
  readonly #requests = new Limiter(concurrentRequests);
  /** Ids of the rows whose file the phone is asked for, or will be. */
  readonly #asked = new Set<string>();
  #connection: MediaConnection | undefined;
  #running = false;
  #wokenAgain = false;

  constructor(deps: MediaDownloadsDeps) {
    this.#deps = deps;
  }

  /** Fetches files over this connection from now on. */
  connected(connection: MediaConnection): void {
    this.#connection = connection;
    connection.sock.ev.on("messages.media-update", (updates) => void this.#onLateAnswers(updates));
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
    asInstance(instanceId, () => this.#fetchPending())
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

  /** Fetches the files that are due. New files come before those that failed before. */
  async #fetchPending(): Promise<void> {
    const { db, clock, instanceId } = this.#deps;
    for (;;) {
      const rows = await db.sql<PendingRow[]>`
        select id, wa_id, chat_id, from_me, sender_id, sender_lid, media from messages
        where instance_id = ${instanceId} and ${fileIsDue(db.sql, clock.now())}
          and id <> all(${[...this.#asked]}::uuid[]) order by media->'retry' is not null, id limit 32`;
      if (rows.length === 0) return;
      await Promise.all(rows.map((row) => this.#fetch(row)));
    }
  }

  async #fetch(row: PendingRow): Promise<void> {
    const leave = await this.#turns.enter();
    try {
      if (!this.#connection) throw new Error("the instance is not connected");
      const media = await this.#store(this.#connection, row);
      if (media === "gone") this.#ask(this.#connection, row);
      else if (media.state === "pending") await this.#deps.record({ messageUpdates: [{ id: row.id, set: { media } }] });
      else if (media.state === "failed" || (await this.#isNamed(row))) await this.#finish(row, media);
    } finally {
      leave();
    }
  }

  /**
   * Returns whether the message of a stored file still exists. Otherwise, nothing names the file, so it is removed. An
   * erasure locks the message before it removes the file, so this waits for its end.
   */
  async #isNamed({ id, media }: PendingRow): Promise<boolean> {
    const { db, storage } = this.#deps;
    const [message] = await db.sql`select from messages where id = ${id} for key share`;
    if (!message) await storage.remove(media.storageKey);
    return message !== undefined;
  }

  /** Records that a file is stored or lost, and reports it. */
  #finish(row: PendingRow, media: MessageMedia): Promise<void> {
    const origin = { messageId: row.wa_id, chatId: row.chat_id, fromMe: row.from_me };
    return this.#deps.record({
      messageUpdates: [{ id: row.id, set: { media } }],
      events: [
        media.state === "stored"
          ? { type: "media.stored", data: { ...origin, media: eventMedia(media) } }
          : { type: "media.failed", data: { ...origin, error: media.error ?? "" } },
      ],
      correlationId: row.wa_id,
    });
  }

  /**
   * Fetches a file and stores it in the bucket. Returns the new state of the file, which is `pending` if it waits for
   * another try, or `gone` if the phone has to upload it again. Throws if the bucket fails or the connection is lost.
   */
  async #store(connection: MediaConnection, { wa_id, media }: PendingRow): Promise<MessageMedia | "gone"> {
    const { storage } = this.#deps;
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
      return { ...withoutRetry(media), size, sha256, state: "stored", error: null, source: null };
    } catch (error) {
      // Without a media key, the phone can't be asked: the file of a channel post.
      if (error instanceof FileGone && media.source?.mediaKey && this.#asked.size < maxAsked) return "gone";
      if (error instanceof HostsFailed) return this.#afterFailure(wa_id, media, error.message);
      if (!(error instanceof FileLost) && !(error instanceof FileGone)) throw error;
      return this.#lost(wa_id, media, error.message);
    }
  }

  /** Returns the state of a file that waits for another try, or that is lost after the last one. */
  #afterFailure(correlationId: string, media: MessageMedia, reason: string): MessageMedia {
    const { log, clock, instanceId } = this.#deps;
    const retry = nextTry(media.retry, clock.now());
    if (!retry) return this.#lost(correlationId, media, reason);
    log.info({ correlationId, instanceId, reason, ...retry }, "a file could not be fetched from WhatsApp and waits");
    return { ...media, retry };
  }

  #lost(correlationId: string, media: MessageMedia, reason: string): MessageMedia {
    const { log, instanceId } = this.#deps;
    const { storageKey } = media;
    log.warn({ correlationId, instanceId, storageKey, reason }, "a file could not be fetched from WhatsApp");
    return { ...withoutRetry(media), state: "failed", error: reason, source: null };
  }

  async #download(connection: MediaConnection, { source }: MessageMedia, path: string): Promise<Digest> {
    // The sender chooses the path. Without a leading slash, it could turn the host name into that of another host.
    if (!source?.directPath?.startsWith("/")) throw new FileLost("the message names no file on WhatsApp's media host");
    const { directPath, kind } = source;
    const file = { directPath, mediaKey: Buffer.from(source.mediaKey, "base64"), kind: kind as MediaType };
    try {
      return await connection.mediaHosts.download(file, path);
    } catch (error) {
      if (this.#connection !== connection || error instanceof FileGone) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      // A retry would have the same result.
      if (error instanceof DamagedFile || error instanceof AppError) throw new FileLost(reason);
      throw new HostsFailed(reason, { cause: error });
    }
  }

  /** Asks the phone for a file in the background, so that other files don't wait. */
  #ask(connection: MediaConnection, row: PendingRow): void {
    this.#asked.add(row.id);
    const { log, instanceId } = this.#deps;
    this.#askUntilAnswered(connection, row)
      .catch((error: unknown) => log.warn({ err: error, instanceId }, "the phone could not be asked for a file"))
      .finally(() => {
        this.#asked.delete(row.id);
        if (this.#connection === connection) this.wake();
      });
  }

  /**
   * Asks the phone until it answers, and records its answer: the new path of the file, or that the file is lost. If the
   * connection ends, the file stays pending. The number of requests is stored, so that a new connection does not start
   * from the beginning.
   */
  async #askUntilAnswered(connection: MediaConnection, row: PendingRow): Promise<void> {
    const waitsMs = this.#deps.reuploadWaitsMs ?? reuploadWaitsMs;
    const leave = await this.#requests.enter();
    try {
      let { media } = row;
      for (let asked = media.asked ?? 0; asked < waitsMs.length; asked++) {
        if (this.#connection !== connection) return;
        media = { ...media, asked: asked + 1 };
        await this.#deps.record({ messageUpdates: [{ id: row.id, set: { media } }] });
        const path = await askPhone(connection.sock, goneFile(row, asked), waitsMs[asked] ?? 0);
        if (path !== undefined) return await this.#deps.record(newPath(row.id, media, path));
      }
      if (this.#connection !== connection) return;
      const lost = this.#lost(row.wa_id, media, "WhatsApp no longer has the file, and the phone did not provide it");
      // The phone may answer when it is online again.
      await this.#finish(row, { ...lost, source: media.source });
    } catch (error) {
      if (!(error instanceof ReuploadRefused)) throw error;
      const reason = `WhatsApp no longer has the file, and ${error.message}`;
      await this.#finish(row, this.#lost(row.wa_id, row.media, reason));
    } finally {
      leave();
    }
  }

  /** Fetches files for which the phone answers only after they were reported as lost. */
  async #onLateAnswers(updates: BaileysEventMap["messages.media-update"]): Promise<void> {
    const { db, instanceId, log } = this.#deps;
    try {
      for (const update of updates) {
        const rows = await db.sql<PendingRow[]>`
          select id, wa_id, media from messages
          where instance_id = ${instanceId} and wa_id = ${update.key.id ?? ""} and media->>'state' = 'failed'
            and jsonb_typeof(media->'source') = 'object'`;
        for (const { id, wa_id, media } of rows) {
          const mediaKey = Buffer.from(media.source?.mediaKey ?? "", "base64");
          await this.#deps.record(newPath(id, media, pathIn(update, wa_id, mediaKey)));
          this.wake();
        }
      }
    } catch (error) {
      log.info({ err: error, instanceId }, "a late answer of the phone about a file can't be used");
    }
  }
}

/** Returns the change that lets the file be fetched from its new path. */
const newPath = (id: string, media: MessageMedia, directPath: string): Change => ({
  messageUpdates: [
    {
      id,
      set: {
        media: {
          ...withoutRetry(media),
          state: "pending",
          error: null,
          source: media.source && { ...media.source, directPath },
        },
      },
    },
  ],
});

/**
 * Returns how a request names the message. A phone may know the chat by the phone number or by the LID, so requests
 * alternate between them.
 */
function goneFile({ wa_id, chat_id, from_me, sender_id, sender_lid, media }: PendingRow, asked: number): GoneFile {
  const hasMembers = isGroupJid(chat_id) || chat_id === statusChat;
  const sender = asked % 2 === 1 ? (sender_lid ?? sender_id) : sender_id;
  return {
    waId: wa_id,
    chat: hasMembers || from_me ? chat_id : sender,
    participant: hasMembers && !from_me ? sender : undefined,
    fromMe: from_me,
    mediaKey: Buffer.from(media.source?.mediaKey ?? "", "base64"),
  };
}

/** A failure after which the file counts as lost. */
class FileLost extends Error {}

/** No media host delivered the file, for a reason that may pass. */
class HostsFailed extends Error {}
