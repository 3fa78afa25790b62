import * as http from "node:http";
import * as https from "node:https";
import { isIP } from "node:net";
import { Readable } from "node:stream";
import { AppError } from "../error.ts";
import { createAddressPolicy, createResolver, type Resolve } from "./address.ts";
import { type Agents, guardedAgents, notPublic } from "./connect.ts";
import { asEgressError, EgressError } from "./error.ts";
import { badPorts } from "./port.ts";

export { EgressError, type EgressFailure } from "./error.ts";

export interface EgressOptions {
  /** CIDRs that may be reached besides the public internet. */
  allow: readonly string[];
  /** Where addresses come from; DNS when absent. */
  resolve?: Resolve;
  /** PEM certificates to trust in place of the usual authorities. */
  ca?: string;
}

export interface EgressRequest {
  method?: "GET" | "HEAD" | "POST";
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** For the whole exchange, from the name's resolution to the last byte of the body. */
  timeoutMs: number;
  /** Of the answer's body. */
  maxBytes: number;
  /** What happens to a longer body: `refuse` (the default) fails with `too_large`, `cut` ends it there. */
  overflow?: "refuse" | "cut";
  /** How many redirects are followed, each checked like the first URL. Default 0: the redirect is the answer. */
  redirects?: number;
}

export interface EgressResponse {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string | string[] | undefined>;
  /** Where the answer came from, after redirects. */
  url: string;
  /** As it came over the wire. Read it to its end or destroy it; it fails with `EgressError`. */
  body: Readable;
}

/** The one way out to URLs that callers give. */
export interface Egress {
  /** Refuses what no answer of DNS could make right, so that a caller learns it early. Throws `url_not_allowed`. */
  check(url: string | URL): URL;
  /** Throws `AppError` `url_not_allowed` when policy forbids it and `EgressError` when it does not work. */
  fetch(url: string | URL, request: EgressRequest): Promise<EgressResponse>;
  close(): Promise<void>;
}

const maxHeaderBytes = 16 * 1024;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);
/** A redirect to another origin gets no header that may be a secret. */
const harmlessHeaders = new Set(["accept", "accept-encoding", "user-agent", "content-type"]);

/**
 * Guards against server-side request forgery as OWASP's cheat sheet asks: the address is checked where the socket
 * connects, between resolution and connection and once more on the connected socket, so a name that changes its
 * addresses (DNS rebinding) gains nothing.
 * https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
 */
export function createEgress(options: EgressOptions): Egress {
  const mayReach = createAddressPolicy(options.allow);
  const resolve = options.resolve ?? createResolver({ local: options.allow.length > 0 });
  const agents = guardedAgents(mayReach, resolve, options.ca);

  function check(url: string | URL): URL {
    const parsed = URL.canParse(String(url)) ? new URL(url) : undefined;
    if (!parsed) throw new AppError("url_not_allowed", "not a URL");
    if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
      throw new AppError("url_not_allowed", "only http and https URLs are allowed");
    }
    if (parsed.username || parsed.password) throw new AppError("url_not_allowed", "the URL must not carry credentials");
    if (badPorts.has(Number(parsed.port))) throw new AppError("url_not_allowed", `port ${parsed.port} is not allowed`);
    const host = bareHost(parsed.hostname);
    // RFC 6761, section 6.3: such names are always loopback.
    const isLocal = /(^|\.)localhost\.?$/.test(host) && !mayReach("127.0.0.1") && !mayReach("::1");
    if (isLocal || (isIP(host) !== 0 && !mayReach(host))) throw notPublic();
    return parsed;
  }

  async function fetch(url: string | URL, options: EgressRequest): Promise<EgressResponse> {
    const stop = new AbortController();
    const timer = setTimeout(
      () => stop.abort(new EgressError("timeout", `no complete answer within ${options.timeoutMs} ms`)),
      options.timeoutMs,
    );
    try {
      const { answer, url: last } = await follow(agents, check, check(url), options, stop.signal);
      const body = limited(answer, options, stop.signal, () => clearTimeout(timer));
      return { status: answer.statusCode ?? 0, headers: answer.headers, url: last.href, body };
    } catch (error) {
      clearTimeout(timer);
      throw asEgressError(error);
    }
  }

  return { check, fetch, close: async () => agents.destroy() };
}

async function follow(
  agents: Agents,
  check: Egress["check"],
  start: URL,
  options: EgressRequest,
  signal: AbortSignal,
): Promise<{ answer: http.IncomingMessage; url: URL }> {
  let url = start;
  let { method = "GET", body } = options;
  let headers: Record<string, string> = { ...lowerCase(options.headers), "accept-encoding": "identity" };
  for (let left = options.redirects ?? 0; ; left--) {
    const answer = await exchange(agents, url, { method, headers, body, signal });
    const status = answer.statusCode ?? 0;
    if (!redirectStatuses.has(status) || options.redirects === undefined || options.redirects === 0) {
      return { answer, url };
    }
    discard(answer);
    const location = answer.headers.location;
    if (left === 0) throw new EgressError("redirect", "too many redirects");
    if (typeof location !== "string" || !URL.canParse(location, url.href)) {
      throw new EgressError("redirect", "a redirect without a usable location");
    }
    const next = check(new URL(location, url));
    // Fetch Standard, HTTP-redirect fetch: 303 always, and 301 and 302 of a POST, go on as GET.
    if ((status === 303 && method !== "HEAD") || (status < 303 && method === "POST")) {
      method = "GET";
      body = undefined;
    }
    if (next.origin !== url.origin) {
      headers = Object.fromEntries(Object.entries(headers).filter(([name]) => harmlessHeaders.has(name)));
    }
    url = next;
  }
}

interface ExchangeOptions {
  method: string;
  headers: Record<string, string>;
  body: string | Uint8Array | undefined;
  signal: AbortSignal;
}

/** One request and the head of its answer. */
function exchange(
  agents: Agents,
  url: URL,
  { method, headers, body, signal }: ExchangeOptions,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === "https:" ? https : http;
    const sent = request(url, {
      agent: agents.of(url.protocol),
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }) },
      maxHeaderSize: maxHeaderBytes,
      signal,
    });
    // Node.js ends a request that still waits for its connection only when that comes or fails: here the time limit wins.
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop);
    sent.once("response", (answer) => {
      signal.removeEventListener("abort", stop);
      resolve(answer);
    });
    // Also what comes after the answer must find a listener.
    sent.on("error", reject);
    sent.end(body);
  });
}

/** The body with its byte limit. `done` is called once, when nothing more will be read. */
function limited(
  answer: http.IncomingMessage,
  options: EgressRequest,
  signal: AbortSignal,
  done: () => void,
): Readable {
  const source = answer;
  const tooLarge = () => new EgressError("too_large", `the answer is larger than ${options.maxBytes} bytes`);
  const cut = options.overflow === "cut";
  let left = options.maxBytes;
  let over = false;
  const finish = () => {
    if (over) return;
    over = true;
    done();
    source.destroy();
  };
  const out = new Readable({
    read: () => source.resume(),
    destroy(error, callback) {
      finish();
      callback(error);
    },
  });
  // Whoever reads sees the error; to those who do not it must not be the end of the process.
  out.on("error", () => undefined);
  source.on("error", (error) => {
    if (!over) out.destroy(asEgressError(signal.aborted ? signal.reason : error));
  });
  source.on("end", () => out.push(null));
  if (!cut && Number(answer.headers["content-length"]) > options.maxBytes) {
    out.destroy(tooLarge());
    throw tooLarge();
  }
  source.on("data", (chunk: Buffer) => {
    if (over) return;
    if (chunk.length > left) {
      if (!cut) return out.destroy(tooLarge());
      out.push(chunk.subarray(0, left));
      out.push(null);
      return finish();
    }
    left -= chunk.length;
    if (!out.push(chunk)) source.pause();
  });
  return out;
}

function discard(body: Readable): void {
  body.on("error", () => undefined).destroy();
}

const bareHost = (hostname: string) => hostname.replace(/^\[(.*)\]$/, "$1");

function lowerCase(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
