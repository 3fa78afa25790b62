import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren, type WASocket } from "@whiskeysockets/baileys";
import type { Clock } from "../../core/clock.ts";
import { AppError } from "../../core/error.ts";
import type { Digest } from "../../core/media/spool.ts";
import { DamagedFile, DownloadRefused, download, type EncryptedFile, FileGone } from "./download.ts";

/** WhatsApp's answer about its media hosts. The primary host is the first one. */
interface MediaHostList {
  names: readonly string[];
  askedAt: number;
  expiresAt: number;
}

/** A file that each media host may have. `directPath` begins with a slash. */
export type HostedFile = Omit<EncryptedFile, "url"> & { directPath: string };

/** WhatsApp is asked for its hosts at most this often. */
const minAgeMs = 60_000;
const unauthorizedStatuses = [401, 403];

/**
 * The media hosts of one connection. Baileys' `refreshMediaConn` (7.0.0-rc14, Socket/messages-send.js) is not used: after
 * one failed question, it fails until the next connection.
 *
 * Source: `refreshMediaConn` in whatsmeow's mediaconn.go.
 */
export class MediaHosts {
  readonly #sock: () => Pick<WASocket, "query">;
  readonly #options: RequestInit;
  readonly #clock: Clock;
  #list: MediaHostList | undefined;
  #question: Promise<MediaHostList> | undefined;

  /** `options` are those for `fetch` that reach the hosts. */
  constructor(sock: () => Pick<WASocket, "query">, options: RequestInit, clock: Clock) {
    this.#sock = sock;
    this.#options = options;
    this.#clock = clock;
  }

  /**
   * Fetches a file from the first host that delivers it. Throws like `download`. If the hosts fail differently, `FileGone`
   * takes precedence, because the phone may help at once. `DamagedFile` comes last, because a retry may help with all
   * other failures.
   *
   * Source: `DownloadMediaWithPath` in whatsmeow's download.go.
   */
  async download({ directPath, ...file }: HostedFile, path: string, maxBytes?: number): Promise<Digest> {
    for (let list = await this.#current(), attempt = 0; ; attempt++) {
      const failures: unknown[] = [];
      for (const name of list.names) {
        try {
          return await download({ ...file, url: `https://${name}${directPath}` }, this.#options, path, maxBytes);
        } catch (error) {
          // For example, the file is too large.
          if (error instanceof AppError) throw error;
          failures.push(error);
        }
      }
      const newer = attempt === 0 && failures.some(isUnauthorized) ? await this.#newerThan(list) : list;
      if (newer === list) throw gravest(failures);
      list = newer;
    }
  }

  /** Returns the hosts, and asks WhatsApp for them if the last answer has expired. */
  async #current(): Promise<MediaHostList> {
    if (this.#list && this.#now < this.#list.expiresAt) return this.#list;
    return await this.#ask();
  }

  /** Returns newer hosts than `refused`, or `refused` itself if it is too young for a new question. */
  async #newerThan(refused: MediaHostList): Promise<MediaHostList> {
    if (this.#list !== refused) return await this.#current();
    return this.#now - refused.askedAt < minAgeMs ? refused : await this.#ask();
  }

  /** Asks WhatsApp. Files that need the hosts at the same time share the question. */
  #ask(): Promise<MediaHostList> {
    this.#question ??= this.#query().finally(() => {
      this.#question = undefined;
    });
    return this.#question;
  }

  async #query(): Promise<MediaHostList> {
    const askedAt = this.#now;
    const answer: BinaryNode = await this.#sock().query({
      tag: "iq",
      attrs: { type: "set", xmlns: "w:m", to: "s.whatsapp.net" },
      content: [{ tag: "media_conn", attrs: {} }],
    });
    const connection = getBinaryNodeChild(answer, "media_conn");
    const names = getBinaryNodeChildren(connection, "host").flatMap(({ attrs }) => attrs.hostname ?? []);
    if (names.length === 0) throw new Error("WhatsApp named no media host");
    const ttlMs = (Number(connection?.attrs.ttl) || 0) * 1000;
    this.#list = { names, askedAt, expiresAt: askedAt + Math.max(ttlMs, minAgeMs) };
    return this.#list;
  }

  get #now(): number {
    return this.#clock.now().getTime();
  }
}

const isUnauthorized = (error: unknown) =>
  error instanceof DownloadRefused && unauthorizedStatuses.includes(error.status);

function gravest(failures: readonly unknown[]): unknown {
  return (
    failures.find((error) => error instanceof FileGone) ??
    failures.find((error) => !(error instanceof DamagedFile)) ??
    failures[0]
  );
}
