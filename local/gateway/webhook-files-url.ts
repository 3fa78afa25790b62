import { networkInterfaces } from "node:os";
import type { Config } from "../../core/config.ts";
import type { Logger } from "../../core/log.ts";
import type { ApiGateway } from "../lambda/api-gateway.ts";

/** Addresses that mean all addresses of the machine. */
const unspecified = new Set(["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]);

/**
 * Returns the URL that the links to files in webhooks begin with. A webhook has no request that shows how its receiver
 * reaches the API. So without `PUBLIC_URL`, this is a guess, and a warning says so.
 */
export function webhookFilesUrl(
  { PUBLIC_URL, HOST }: Pick<Config, "PUBLIC_URL" | "HOST">,
  api: Pick<ApiGateway, "url" | "port">,
  log: Pick<Logger, "warn">,
  addresses = ownAddresses,
): string {
  if (PUBLIC_URL) return PUBLIC_URL;
  const url = unspecified.has(HOST) ? `http://${addresses()[0] ?? "127.0.0.1"}:${api.port}` : api.url;
  const reach = isOnlyHere(url) ? "only programs on this machine reach it" : "programs elsewhere may not reach it";
  log.warn(
    { url },
    `PUBLIC_URL is not set, so the links to files in webhooks begin with ${url}: ${reach}. Set PUBLIC_URL, or WEBHOOK_FILES_URL, to the URL at which the receivers of webhooks reach this gateway`,
  );
  return url;
}

const isOnlyHere = (url: string) => /^http:\/\/(?:127\.|localhost|\[::1\])/.test(url);

/** Returns the machine's addresses that others may reach, IPv4 first. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = all.filter(({ internal, scopeid }) => !internal && !scopeid);
  const ofFamily = (family: string) => outer.filter((one) => one.family === family).map(({ address }) => address);
  return [...ofFamily("IPv4"), ...ofFamily("IPv6").map((address) => `[${address}]`)];
}
