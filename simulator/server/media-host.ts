import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { MediaHostState, MediaStore } from "../model/media-store.ts";
import { sha256 } from "../wire/crypto.ts";
import { closeServer, listenOnLoopback } from "./loopback.ts";

/** A media host: accepts and serves files over TLS. The path of an upload must contain the SHA-256 of the file. */
export class MediaHost {
  readonly #store: MediaStore;
  readonly #state: MediaHostState;
  readonly #server: Server;

  constructor(store: MediaStore, state: MediaHostState) {
    this.#store = store;
    this.#state = state;
    this.#server = createServer({ key: store.tls.key, cert: store.tls.cert }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500);
        response.end(String(error));
      });
    });
  }

  /** Listens on the loopback interface and sets the `hostname` of its state. */
  async listen(port: number): Promise<void> {
    this.#state.hostname = `127.0.0.1:${await listenOnLoopback(this.#server, port)}`;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "https://media");
    const { fault } = this.#state;
    if (fault === "cut") {
      request.socket.destroy();
      return;
    }
    if (fault !== undefined) {
      request.resume();
      return this.#reject(response, fault, "requested by the test");
    }
    if (request.method === "POST") await this.#upload(url, request, response);
    else if (request.method === "GET") await this.#download(url, request, response);
    else if (request.method === "DELETE") this.#delete(url, response);
    else response.writeHead(405).end();
  }

  async #upload(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.#store.faults.upload.take();
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request) {
      size += (chunk as Buffer).length;
      if (size > this.#store.maxBytes) return this.#reject(response, 413, "the file is too large");
      chunks.push(chunk as Buffer);
    }
    if (fault !== undefined) return this.#reject(response, fault, "requested by the test");
    if (!this.#store.acceptsToken(url.searchParams.get("auth") ?? ""))
      return this.#reject(response, 401, "the upload token is wrong or has expired");
    // Baileys omits the padding of the hash, and whatsmeow (`rawUpload` in upload.go) does not.
    const upload = /^\/(?:mms|product|pps|newsletter)\/([a-z-]+)\/([A-Za-z0-9_-]+)=*$/.exec(url.pathname);
    if (!upload) return this.#reject(response, 404, "the path of the upload is unknown");
    const body = Buffer.concat(chunks);
    if (sha256(body).toString("base64url") !== upload[2])
      return this.#reject(response, 415, "the hash in the path does not match the file");
    this.#store.counts.uploads++;
    const path = this.#store.put(upload[1] ?? "", body);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ url: this.#store.url(path), direct_path: path }));
  }

  /**
   * Deletes a file, which clients do with a history that they have read. `d_md` is the path of the file in base64. Source:
   * `DeleteMedia` in whatsmeow's upload.go.
   */
  #delete(url: URL, response: ServerResponse): void {
    const path = Buffer.from(url.searchParams.get("d_md") ?? "", "base64url").toString();
    if (!this.#store.acceptsToken(url.searchParams.get("auth") ?? ""))
      this.#reject(response, 401, "the token is wrong or has expired");
    else if (!this.#store.files.delete(path)) this.#reject(response, 404, "the file does not exist");
    else {
      this.#store.counts.deletions++;
      response.writeHead(200).end();
    }
  }

  #reject(response: ServerResponse, status: number, reason: string): void {
    this.#store.counts.rejected++;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { code: status, message: reason } }));
  }

  async #download(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.#store.beforeDownload?.(url.pathname);
    const fault = this.#store.faults.download.take(
      (scheduled) => typeof scheduled !== "object" || url.pathname.includes(scheduled.kind ?? "/"),
    );
    if (typeof fault === "number") {
      this.#reject(response, fault, "requested by the test");
      return;
    }
    const problem = this.#store.pathProblem(url);
    if (problem) {
      this.#reject(response, problem, problem === 410 ? "the path has expired" : "the path is not signed");
      return;
    }
    const file = this.#store.files.get(url.pathname);
    if (!file) {
      this.#reject(response, 404, "the file does not exist");
      return;
    }
    if (fault !== undefined) {
      this.#store.counts.rejected++;
      const share = fault === "cut" ? 0.5 : fault.cut;
      response.writeHead(200, { "content-length": file.length }).flushHeaders();
      if (share > 0) response.write(file.subarray(0, file.length * share));
      setTimeout(() => response.destroy(), 5);
      return;
    }
    this.#store.counts.downloads++;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    if (!range) {
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": file.length }).end(file);
      return;
    }
    const start = Number(range[1]);
    const end = Math.min(range[2] ? Number(range[2]) : file.length - 1, file.length - 1);
    if (start > end) {
      this.#reject(response, 416, "the range is invalid");
      return;
    }
    const headers = { "content-range": `bytes ${start}-${end}/${file.length}`, "content-length": end - start + 1 };
    response.writeHead(206, headers).end(file.subarray(start, end + 1));
  }
}
