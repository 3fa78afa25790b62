import { randomBytes } from "node:crypto";
import type { Strictness } from "../rule/strictness.ts";
import { hmac, sha256 } from "../wire/crypto.ts";
import { issueTls, type TlsIdentity } from "../wire/x509.ts";
import { Scheduled } from "./limit/faults.ts";

/** A profile picture. The media host stores it unencrypted. */
export type Picture = { id: string; directPath: string };

export type MediaCounts = { uploads: number; downloads: number; deletions: number; rejected: number };

export type SavedMedia = { tls: TlsIdentity; auth: string; files: Map<string, Buffer> };

/** A media host. While `fault` is set, the host answers each request with this status, or cuts its connection. */
export type MediaHostState = { hostname: string; fault: number | "cut" | undefined };

/** How long a token for uploads and the path of a file are valid, in seconds. */
export type MediaLifetimes = { token: number; path: number };

/** `auth_ttl` of an answer that whatsmeow quotes nowhere: the simulator's choice. */
const TOKEN_SECONDS = 6 * 60 * 60;
/** Files were gone after two and a half to three weeks (https://github.com/devlikeapro/waha/issues/2265). */
const PATH_SECONDS = 20 * 24 * 60 * 60;

/** The files of the media hosts and their identity. The hosts never see a media key. */
export class MediaStore {
  readonly tls: TlsIdentity;
  readonly maxBytes: number;
  readonly counts: MediaCounts = { uploads: 0, downloads: 0, deletions: 0, rejected: 0 };
  /**
   * Faults of the next uploads and downloads at any host: an HTTP status, or `cut`, which closes the connection in the
   * middle of the file, or after a share of it. With `kind`, only for files whose path contains it.
   */
  readonly faults = {
    upload: new Scheduled<number>(),
    download: new Scheduled<number | "cut" | { cut: number; kind?: string }>(),
  };
  /** If set, a host serves a file only when the returned promise is resolved. */
  beforeDownload?: (path: string) => Promise<void>;
  /** Files by path. All files are ciphertexts, except for pictures and channel media. */
  readonly files: Map<string, Buffer>;
  /** The primary host and its fallback. Both have all files. */
  readonly hosts: [MediaHostState, MediaHostState] = [
    { hostname: "", fault: undefined },
    { hostname: "", fault: undefined },
  ];
  readonly lifetimes: MediaLifetimes = { token: TOKEN_SECONDS, path: PATH_SECONDS };
  readonly #clock: () => number;
  readonly #rules: Strictness;
  /** Signs the tokens for uploads. */
  #secret: string;

  constructor(clock: () => number, rules: Strictness, maxBytes: number, saved?: SavedMedia) {
    this.#clock = clock;
    this.#rules = rules;
    this.maxBytes = maxBytes;
    // A client that has only a direct path builds a URL with WhatsApp's own host name.
    this.tls = saved?.tls ?? issueTls({ dns: ["mmg.whatsapp.net", "localhost"], ip: ["127.0.0.1"] }, clock());
    this.#secret = saved?.auth ?? newSecret();
    this.files = saved?.files ?? new Map();
  }

  /** The secret that signs the tokens for uploads, for the state file. */
  get secret(): string {
    return this.#secret;
  }

  /** `host:port` of the primary host; empty until the host listens. */
  get hostname(): string {
    return this.hosts[0].hostname;
  }

  /** Returns a new token for uploads. */
  issueToken(): string {
    return this.#token(this.#seconds + this.lifetimes.token);
  }

  /** Whether a token for uploads is genuine and has not expired. */
  acceptsToken(token: string): boolean {
    const expires = Number(token.split(".")[0]);
    if (token !== this.#token(expires)) return false;
    return this.#rules.relaxed("upload_token_expiry") || expires > this.#seconds;
  }

  /** Makes all tokens for uploads invalid. */
  revokeTokens(): void {
    this.#secret = newSecret();
  }

  #token(expires: number): string {
    return `${expires}.${hmac(Buffer.from(this.#secret), Buffer.from(String(expires))).toString("base64url")}`;
  }

  get #seconds(): number {
    return Math.floor(this.#clock() / 1000);
  }

  /** Stores a file and returns its direct path, which is signed and expires. */
  put(kind: string, file: Buffer): string {
    const digest = sha256(file).toString("base64url");
    const path = `/v/${kind}/${digest}.enc`;
    this.files.set(path, file);
    const expires = (this.#seconds + this.lifetimes.path).toString(16);
    return `${path}?ccb=11-4&oh=${this.#signature(path, expires)}&oe=${expires}`;
  }

  /** Returns the HTTP status with which a host refuses a download, or undefined if the path is valid. */
  pathProblem({ pathname, searchParams }: URL): 403 | 410 | undefined {
    const expires = searchParams.get("oe") ?? "";
    if (!this.#rules.relaxed("media_path_signature") && searchParams.get("oh") !== this.#signature(pathname, expires))
      return 403;
    const expired = Number.parseInt(expires, 16) <= this.#seconds;
    return expired && !this.#rules.relaxed("media_path_expiry") ? 410 : undefined;
  }

  #signature(path: string, expires: string): string {
    return hmac(Buffer.from(this.tls.key), Buffer.from(`${path} ${expires}`))
      .toString("base64url")
      .slice(0, 26);
  }

  get(directPath: string): Buffer | undefined {
    return this.files.get(directPath.split("?")[0] ?? "");
  }

  url(directPath: string): string {
    return `https://${this.hostname}${directPath}`;
  }
}

const newSecret = () => randomBytes(16).toString("base64url");
