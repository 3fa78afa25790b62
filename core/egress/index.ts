import * as http from "node:http";
import * as https from "node:https";
import { isIP } from "node:net";
import { Readable } from "node:stream";
import { AppError } from "../error.ts";
import { defined } from "../object.ts";
import { createAddressPolicy, createResolver, type Resolve } from "./address.ts";
import { type Agents, guardedAgents, notPublic } from "./connect.ts";
import { asEgressError, EgressError } from "./error.ts";
import { badPorts } from "./port.ts";

export { EgressError, type EgressFailure } from "./error.ts";

export interface EgressOptions {
  /** CIDRs that are allowed in addition to the public internet. */
  allow: readonly string[];
  /** Resolves host names. Default: DNS. */
  resolve?: Resolve;
  /** PEM certificates to trust instead of the usual authorities. */
  ca?: string;
}

export interface EgressRequest {
  method?: "GET" | "HEAD" | "POST";
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** Limit for the whole exchange, from name resolution to the last byte of the body. */
  timeoutMs: number;
  /** Ends the exchange early. */
  signal?: AbortSignal;
  /** Limit of the response body, in bytes. */
  maxBytes: number;
  /** For a longer body, `refuse` (the default) fails with `too_large`, and `cut` ends the body at the limit. */
  overflow?: "refuse" | "cut";
  /**
   * How many redirects to follow. The guard checks each redirect like the first URL. Default: 0, which returns the
   * redirect.
   */
  redirects?: number;
}

export interface EgressResponse {
  status: number;
  /** By lowercase name. */
  headers: Record<string, string | string[] | undefined>;
  /** The URL of the response, after redirects. */
  url: string;
  /** The raw body. Read the body to its end or destroy it. Reading fails with `EgressError`. */
  body: Readable;
}

/** The only way to request URLs that callers provide. */
export interface Egress {
  /** Checks a URL as far as possible without DNS, so that a caller gets the error early. Throws `url_not_allowed`. */
  check(url: string | URL): URL;
  /** Throws `AppError` `url_not_allowed` if the policy forbids the request, and `EgressError` if it fails. */
  fetch(url: string | URL, request: EgressRequest): Promise<EgressResponse>;
  close(): Promise<void>;
}

const maxHeaderBytes = 16 * 1024;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);
/** The only headers that are kept if a redirect leads to another origin. These headers can't contain secrets. */
const harmlessHeaders = new Set(["accept", "accept-encoding", "user-agent", "content-type"]);

/**
 * Creates a client that guards against server-side request forgery, as OWASP's cheat sheet recommends. It checks the
 * address between resolution and connection, and again on the connected socket. This also stops names that change their
 * addresses (DNS rebinding).
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
    if (parsed.username || parsed.password)
      throw new AppError("url_not_allowed", "the URL must not contain credentials");
    if (badPorts.has(Number(parsed.port))) throw new AppError("url_not_allowed", `port ${parsed.port} is not allowed`);
    const host = bareHost(parsed.hostname);
    // `localhost` and names below it are always loopback (RFC 6761, section 6.3).
    const isLocal = /(^|\.)localhost\.?$/.test(host) && !mayReach("127.0.0.1") && !mayReach("::1");
    if (isLocal || (isIP(host) !== 0 && !mayReach(host))) throw notPublic();
    return parsed;
  }

  async function fetch(url: string | URL, options: EgressRequest): Promise<EgressResponse> {
    const stop = new AbortController();
    const timer = setTimeout(
      () => stop.abort(new EgressError("timeout", `no complete response within ${options.timeoutMs} ms`)),
      options.timeoutMs,
    );
    const signal = options.signal ? AbortSignal.any([stop.signal, options.signal]) : stop.signal;
    try {
      const { response, url: last } = await follow(agents, check, check(url), options, signal);
      const body = limited(response, options, signal, () => clearTimeout(timer));
      return { status: response.statusCode ?? 0, headers: response.headers, url: last.href, body };
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
): Promise<{ response: http.IncomingMessage; url: URL }> {
  let url = start;
  let { method = "GET", body } = options;
  let headers: Record<string, string> = { ...lowerCase(options.headers), "accept-encoding": "identity" };
  for (let left = options.redirects ?? 0; ; left--) {
    const response = await exchange(agents, url, { method, headers, body, signal });
    const status = response.statusCode ?? 0;
    if (!redirectStatuses.has(status) || options.redirects === undefined || options.redirects === 0) {
      return { response, url };
    }
    discard(response);
    const location = response.headers.location;
    if (left === 0) throw new EgressError("redirect", "too many redirects");
    if (typeof location !== "string" || !URL.canParse(location, url.href)) {
      throw new EgressError("redirect", "the redirect has no valid location");
    }
    const next = check(new URL(location, url));
    // Fetch Standard, HTTP-redirect fetch: a 303, and a 301 or 302 in response to a POST, continue as GET.
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

/** Sends one request and returns the head of its response. */
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
      headers: {
        ...headers,
        ...defined({ "content-length": body === undefined ? undefined : String(Buffer.byteLength(body)) }),
      },
      maxHeaderSize: maxHeaderBytes,
      signal,
    });
    // Node.js aborts a request that waits for a connection only after the connection has succeeded or failed. Reject at
    // the time limit instead.
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop);
    sent.once("response", (response) => {
      signal.removeEventListener("abort", stop);
      resolve(response);
    });
    // Errors after the response also need a listener.
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Returns the body, limited to `maxBytes`. Calls `done` once, when nothing more will be read. */
function limited(
  source: http.IncomingMessage,
  options: EgressRequest,
  signal: AbortSignal,
  done: () => void,
): Readable {
  const tooLarge = () => new EgressError("too_large", `the response is larger than ${options.maxBytes} bytes`);
  const cut = options.overflow === "cut";
  let left = options.maxBytes;
  let finished = false;
  const finish = () => {
    if (finished) return;
    finished = true;
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
  // Without a listener, an error would end the process if nobody reads the body.
  out.on("error", () => undefined);
  source.on("error", (error) => {
    if (!finished) out.destroy(asEgressError(signal.aborted ? signal.reason : error));
  });
  source.on("end", () => out.push(null));
  if (!cut && Number(source.headers["content-length"]) > options.maxBytes) {
    out.destroy(tooLarge());
    throw tooLarge();
  }
  source.on("data", (chunk: Buffer) => {
    if (finished) return;
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
