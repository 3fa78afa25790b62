import { randomBytes } from "node:crypto";
import { sha256 } from "../wire/crypto.ts";
import { issueTls, type TlsIdentity } from "../wire/x509.ts";
import { Scheduled } from "./faults.ts";

/** A profile picture. The media host stores it unencrypted. */
export type Picture = { id: string; directPath: string };

export type MediaCounts = { uploads: number; downloads: number; rejected: number };

export type SavedMedia = { tls: TlsIdentity; auth: string; files: Map<string, Buffer> };

/** The files of the media host and its identity. The host never sees a media key. */
export class MediaStore {
  readonly tls: TlsIdentity;
  /** The token that an upload must contain. */
  readonly auth: string;
  readonly maxBytes: number;
  readonly counts: MediaCounts = { uploads: 0, downloads: 0, rejected: 0 };
  /**
   * Faults of the next uploads and downloads: an HTTP status, or `cut`, which closes the connection in the middle of
   * the file.
   */
  readonly faults = { upload: new Scheduled<number>(), download: new Scheduled<number | "cut">() };
  /** Files by path. All files are ciphertexts, except for pictures and channel media. */
  readonly files: Map<string, Buffer>;
  /** `host:port`; empty until the host listens. */
  hostname = "";

  /** @param now milliseconds since the epoch */
  constructor(now: number, maxBytes: number, saved?: SavedMedia) {
    this.maxBytes = maxBytes;
    // A client that has only a direct path builds a URL with WhatsApp's own host name.
    this.tls = saved?.tls ?? issueTls({ dns: ["mmg.whatsapp.net", "localhost"], ip: ["127.0.0.1"] }, now);
    this.auth = saved?.auth ?? randomBytes(16).toString("base64url");
    this.files = saved?.files ?? new Map();
  }

  /** Stores a file and returns its direct path. */
  put(kind: string, file: Buffer): string {
    const digest = sha256(file).toString("base64url");
    const path = `/v/${kind}/${digest}.enc`;
    this.files.set(path, file);
    return `${path}?ccb=11-4&oh=sim&oe=sim`;
  }

  get(directPath: string): Buffer | undefined {
    return this.files.get(directPath.split("?")[0] ?? "");
  }

  url(directPath: string): string {
    return `https://${this.hostname}${directPath}`;
  }
}
