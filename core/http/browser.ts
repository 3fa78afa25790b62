import { isIP } from "node:net";

/** Returns the value of a request header by its lower-case name; undefined if the request has no such header. */
export type ReadHeader = (name: string) => string | undefined;

/** Methods that change nothing. Browsers send these for links and images of any page. */
const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Returns why a request must be refused because a web page of another site sent it; undefined if the request is
 * acceptable. Programs other than browsers send neither `Sec-Fetch-Site` nor `Origin`, so they are not affected.
 *
 * Web pages can't set either header. `Sec-Fetch-Site` takes precedence, because it compares the page with the URL in
 * the browser, and a reverse proxy may change `Host`. Browsers send it only to HTTPS and to this machine.
 * https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
export function foreignPage(method: string, header: ReadHeader): string | undefined {
  if (safeMethods.has(method.toUpperCase())) return undefined;
  const site = header("sec-fetch-site")?.toLowerCase();
  if (site !== undefined) {
    const own = site === "same-origin" || site === "none";
    return own ? undefined : `a web page of another origin sent this request (Sec-Fetch-Site: ${site.slice(0, 20)})`;
  }
  const origin = header("origin");
  if (origin === undefined || hostOfOrigin(origin) === normalHost(header("host"))) return undefined;
  return "a web page of another origin sent this request (Origin)";
}

/**
 * Returns why a request that reached this machine over the loopback interface must be refused: a browser sent it to a
 * name that is not a name of this machine. With DNS rebinding, a web page reaches a local server under the page's own
 * name, and the browser then treats the server as part of the page. Returns undefined if the request is acceptable.
 */
export function reboundName(header: ReadHeader): string | undefined {
  const fromBrowser = header("sec-fetch-site") !== undefined || header("origin") !== undefined;
  if (!fromBrowser || isLocalName(header("host"))) return undefined;
  return "a browser sent this request to a name that is not a name of this machine (Host)";
}

/**
 * Returns why a server on the loopback interface that asks for no credentials must refuse a request; undefined if the
 * request is acceptable. A web page reaches such a server with a form or a script of another origin, and with DNS
 * rebinding under its own name, without any header that shows that. Therefore the `Host` must be a loopback name, and a
 * browser must not report another origin.
 */
export function notFromThisMachine(header: ReadHeader): string | undefined {
  const host = header("host");
  if (!isLoopbackName(host)) return "the request is not for a loopback name or address (Host)";
  const site = header("sec-fetch-site")?.toLowerCase();
  if (site !== undefined && site !== "same-origin" && site !== "none")
    return `a web page of another origin sent this request (Sec-Fetch-Site: ${site.slice(0, 20)})`;
  const origin = header("origin");
  if (origin === undefined || hostOfOrigin(origin) === normalHost(host)) return undefined;
  return "a web page of another origin sent this request (Origin)";
}

/**
 * Returns why the body of a request must be refused: it is not JSON. Browsers let the pages of any site send forms and
 * plain text, but not JSON. A request without a body and without a type is acceptable.
 */
export function notJson(header: ReadHeader, hasBody: boolean): string | undefined {
  const type = header("content-type");
  if (type === undefined ? !hasBody : /^application\/json\s*(?:;|$)/i.test(type)) return undefined;
  return "the content type of the body must be application/json";
}

/** Whether a `Host` header is `localhost` or a loopback address, with or without a port. */
function isLoopbackName(host: string | undefined): boolean {
  const name = (host ?? "").replace(/:\d+$/, "");
  return name.toLowerCase() === "localhost" || isLoopbackAddress(name.replace(/^\[(.*)\]$/, "$1"));
}

/**
 * Whether a `Host` header is `localhost` or an IP address, with or without a port. No web page has such a name: browsers
 * resolve `localhost` and the names below it to this machine, and parse names of digits and dots as IP addresses
 * (https://url.spec.whatwg.org/#ends-in-a-number-checker).
 */
export function isLocalName(host: string | undefined): boolean {
  const [, bracketed, plain = ""] = /^(?:\[([\da-f:.]+)\]|([^:[\]]+))(?::\d+)?$/i.exec(host ?? "") ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  return /^localhost$/i.test(plain) || isIP(plain) === 4;
}

/** Whether an address is a loopback address of IPv4 or IPv6. */
export function isLoopbackAddress(address: string | undefined): boolean {
  const plain = (address ?? "").replace(/^::ffff:/i, "");
  return plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}

/** Returns the host and port of an origin; undefined for `null` and other values that name no host. */
function hostOfOrigin(origin: string): string | undefined {
  const [, scheme, host] = /^(https?):\/\/([^/]+)$/i.exec(origin) ?? [];
  return host && normalHost(host, scheme?.toLowerCase() === "https" ? "443" : "80");
}

/** Returns a host in lower case without the default port: that of the scheme, or either port if the scheme is unknown. */
function normalHost(host: string | undefined, port?: string): string | undefined {
  return host?.toLowerCase().replace(port === undefined ? /:(?:80|443)$/ : new RegExp(`:${port}$`), "");
}
