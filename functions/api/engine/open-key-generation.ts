import { AppError } from "../../../core/error.ts";
import type { Context } from "./context.ts";

/**
 * Names of request headers that proxies, load balancers, tunnels and CDNs add: those of RFC 7239, RFC 9110 and RFC 8586
 * (`Forwarded`, `Via`, `CDN-Loop`), all names with "forward" (`X-Forwarded-For`, `X-Original-Forwarded-For`), names for
 * the IP address of a client (`X-Real-IP`, `CF-Connecting-IP`, `True-Client-IP`, `X-Azure-ClientIP`), and the prefixes
 * of vendors. If a name matches by mistake, the sender only needs credentials.
 */
const forwarding = new RegExp(
  [
    "forward",
    "(?:^|[-_]|client)ip(?:v?[46])?$",
    "^(?:via|cdn-loop|(?:x-)?remote-addr(?:ess)?)$",
    "^x-(?:amz|amzn|arr|azure|envoy|host|original|originating|real|vercel)(?:-|$)",
    "^(?:cf|cloudfront|fastly|fly|proxy|tailscale)-",
  ].join("|"),
  "i",
);

/** Returns the first header name that only proxies add; undefined if there is none. */
export function forwardingHeader(names: Iterable<string>): string | undefined {
  for (const name of names) if (forwarding.test(name)) return name;
  return undefined;
}

/**
 * A `Host` header with `localhost` or an IP address. With DNS rebinding, a web page reaches this machine under the
 * page's own name, which is then in `Host`. A name of digits and dots can't be the name of a web page, because browsers
 * parse it as an IP address (https://url.spec.whatwg.org/#ends-in-a-number-checker).
 */
const addressHost = /^(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[\da-f:.]+\])(?::\d+)?$/i;

const withCredentials = "send an API key in x-api-key or a token in Authorization: Bearer";

/**
 * Throws `missing_credentials` unless this request may create a key without credentials: the operator allows that, and
 * the request came directly, not through a proxy. On AWS, API Gateway adds `X-Forwarded-For` to all requests.
 */
export function assertOpenKeyGeneration({ deps, forwardedBy, host }: Context): void {
  if (!deps.config.OPEN_KEY_GENERATION) {
    throw new AppError(
      "missing_credentials",
      `${withCredentials}; the first start prints the API key of the first admin. To create keys without credentials on your own machine, set OPEN_KEY_GENERATION=true`,
    );
  }
  if (forwardedBy) {
    throw new AppError(
      "missing_credentials",
      `this request came through a proxy, as its header ${forwardedBy} shows: ${withCredentials}`,
    );
  }
  if (!addressHost.test(host ?? "")) {
    throw new AppError(
      "missing_credentials",
      `to create a key without credentials, call the API as localhost or by its IP address; otherwise ${withCredentials}`,
    );
  }
}
