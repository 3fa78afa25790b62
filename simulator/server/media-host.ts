import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { Scheduled } from "../model/faults.ts";
import { sha256 } from "../wire/crypto.ts";
import { issueTls, type TlsIdentity } from "../wire/x509.ts";

export type MediaCounts = { uploads: number; downloads: number; rejected: number };

/** The media host: takes ciphertexts that match their names and gives them back. It never sees a key. */
export class MediaHost {
  readonly tls: TlsIdentity;
  readonly auth: string;
  readonly maxBytes: number;
  readonly counts: MediaCounts = { uploads: 0, downloads: 0, rejected: 0 };
  /** HTTP statuses for the next uploads and downloads; `cut` ends the connection in the middle of the file. */
  readonly faults = { upload: new Scheduled<number>(), download: new Scheduled<number | "cut">() };
  /** Ciphertexts by path. */
  readonly files: Map<string, Buffer>;
  readonly #server: Server;
  hostname = "";

  constructor(now: number, maxBytes: number, saved?: { tls: TlsIdentity; auth: string; files: Map<string, Buffer> }) {
    this.maxBytes = maxBytes;
    // Clients that get only a direct path build a URL on WhatsApp's own host name.
    this.tls = saved?.tls ?? issueTls({ dns: ["mmg.whatsapp.net", "localhost"], ip: ["127.0.0.1"] }, now);
    this.auth = saved?.auth ?? randomBytes(16).toString("base64url");
    this.files = saved?.files ?? new Map();
    this.#server = createServer({ key: this.tls.key, cert: this.tls.cert }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500);
        response.end(String(error));
      });
    });
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    });
    this.hostname = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Stores a ciphertext and returns its direct path. */
  put(kind: string, ciphertext: Buffer): string {
    const digest = sha256(ciphertext).toString("base64url");
    const path = `/v/${kind}/${digest}.enc`;
    this.files.set(path, ciphertext);
    return `${path}?ccb=11-4&oh=sim&oe=sim`;
  }

  get(directPath: string): Buffer | undefined {
    return this.files.get(directPath.split("?")[0] ?? "");
  }

  url(directPath: string): string {
    return `https://${this.hostname}${directPath}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "https://media");
    if (request.method === "POST") await this.#upload(url, request, response);
    else if (request.method === "GET") this.#download(url, request, response);
    else response.writeHead(405).end();
  }

  async #upload(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.faults.upload.take();
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request) {
      size += (chunk as Buffer).length;
      if (size > this.maxBytes) return this.#reject(response, 413, "too large");
      chunks.push(chunk as Buffer);
    }
    if (fault !== undefined) return this.#reject(response, fault, "requested by the test");
    if (url.searchParams.get("auth") !== this.auth) return this.#reject(response, 401, "bad auth");
    const match = /^\/(?:mms|product|pps|newsletter)\/([a-z-]+)\/([A-Za-z0-9_-]+)$/.exec(url.pathname);
    if (!match) return this.#reject(response, 404, "no such media type");
    const body = Buffer.concat(chunks);
    if (sha256(body).toString("base64url") !== match[2]) return this.#reject(response, 415, "hash mismatch");
    this.counts.uploads++;
    const path = this.put(match[1] ?? "", body);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ url: this.url(path), direct_path: path }));
  }

  #reject(response: ServerResponse, status: number, reason: string): void {
    this.counts.rejected++;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { code: status, message: reason } }));
  }

  #download(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const fault = this.faults.download.take();
    if (typeof fault === "number") {
      this.#reject(response, fault, "requested by the test");
      return;
    }
    const file = this.files.get(url.pathname);
    if (!file) {
      this.#reject(response, 404, "not found");
      return;
    }
    if (fault === "cut") {
      this.counts.rejected++;
      response.writeHead(200, { "content-length": file.length });
      response.write(file.subarray(0, file.length / 2), () => response.destroy());
      return;
    }
    this.counts.downloads++;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    if (!range) {
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": file.length }).end(file);
      return;
    }
    const start = Number(range[1]);
    const end = Math.min(range[2] ? Number(range[2]) : file.length - 1, file.length - 1);
    if (start > end) {
      this.#reject(response, 416, "bad range");
      return;
    }
    const headers = { "content-range": `bytes ${start}-${end}/${file.length}`, "content-length": end - start + 1 };
    response.writeHead(206, headers).end(file.subarray(start, end + 1));
  }
}
