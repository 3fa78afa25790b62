import type { Context as HonoContext } from "hono";
import { AppError } from "../../../core/error.ts";
import { once } from "../../../core/once.ts";
import type { ApiDeps } from "./dependencies.ts";
import { type ApiEnv, peerAddress } from "./env.ts";

type LinkStorage = ApiDeps["storage"];

const loadCode = once(async () => ({
  ...(await import("../../../core/http/reached-url.ts")),
  ...(await import("../../../core/storage/through-api.ts")),
}));

/**
 * Returns the storage for a request. With `FILES_THROUGH_API`, its links lead to the API at `PUBLIC_URL`, or at the URL at
 * which the caller reached it. If that URL is not known, links for redirects are relative to the request, and all other
 * links fail with `not_supported`.
 */
export function storageOf(
  c: HonoContext<ApiEnv>,
  { config, storage }: Pick<ApiDeps, "config" | "storage">,
): { storage: LinkStorage; redirectStorage: LinkStorage } {
  if (!config.FILES_THROUGH_API) return { storage, redirectStorage: storage };
  const base = async () => config.PUBLIC_URL ?? (await reachedBy(c, config.TRUSTED_PROXIES));
  const absolute = async () => {
    const found = await base();
    if (found === undefined) throw new AppError("not_supported", unknownUrl);
    return found;
  };
  const rootPath = "../".repeat(Math.max(0, c.req.path.split("/").length - 2)) || "./";
  const relative = async () => (await base()) ?? rootPath;
  const linkingTo = (root: () => Promise<string>): LinkStorage => ({
    put: (...args) => storage.put(...args),
    head: (...args) => storage.head(...args),
    presign: async (...args) => {
      const [{ throughApi }, at] = [await loadCode(), await root()];
      return throughApi(await storage.presign(...args), at);
    },
    presignPut: async (...args) => {
      const [{ throughApi }, at] = [await loadCode(), await root()];
      const { url, headers } = await storage.presignPut(...args);
      return { url: throughApi(url, at), headers };
    },
  });
  return { storage: linkingTo(absolute), redirectStorage: linkingTo(relative) };
}

const unknownUrl =
  "the gateway doesn't know the URL at which you reach it, because a proxy sent the request: set PUBLIC_URL, or let the proxy send X-Forwarded-Host and X-Forwarded-Proto and add it to TRUSTED_PROXIES";

async function reachedBy(c: HonoContext<ApiEnv>, trusted: readonly string[]): Promise<string | undefined> {
  const { reachedUrl } = await loadCode();
  const peer = peerAddress(c);
  const isForwarded = c.var.addressIgnored || c.var.ip !== peer;
  return reachedUrl({ peer, isForwarded, header: (name) => c.req.header(name) }, trusted);
}
