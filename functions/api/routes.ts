import { TrieRouter } from "hono/router/trie-router";
import { tryDecode } from "hono/utils/url";
import { once } from "../../core/once.ts";
import { gateway } from "./dialects/gateway/index.ts";
import { multiInstance } from "./dialects/multi-instance/index.ts";
import { type Dialect, loadDialect } from "./engine/dialect.ts";
import type { Endpoint } from "./engine/endpoint.ts";

/**
 * In order of precedence: the first dialect that owns a path determines the format of its errors. The last dialect owns
 * every path.
 */
const dialects: readonly Dialect[] = [gateway, multiInstance];

/** Not counted for the rate limit, so that monitors behind one address don't use up the limit of that address. */
export const healthPath = "/api/observability/health";

const methods = ["GET", "POST", "PUT", "DELETE"];

/** API descriptions by their path, built on first use. */
export const documents: Readonly<Record<string, () => Promise<unknown>>> = {
  "/openapi.json": once(async () =>
    (await import("./document/openapi.ts")).openApi(await Promise.all(dialects.map(loadDialect))),
  ),
  "/asyncapi.json": once(async () => (await import("./document/asyncapi.ts")).asyncApi()),
};

/** Returns the dialect that determines the format of errors on this path. */
export function dialectOf(path: string): Dialect {
  return dialects.find((dialect) => dialect.owns(path)) ?? multiInstance;
}

/** Returns the endpoint for a request, with its decoded path parameters. A `HEAD` request uses the `GET` endpoint. */
export async function findEndpoint(
  method: string,
  path: string,
): Promise<{ endpoint: Endpoint; params: Record<string, string> } | undefined> {
  const [found] = await match(method === "HEAD" ? "GET" : method, path);
  return found && { endpoint: found[0], params: decoded(found[1]) };
}

/** Returns the methods that the path supports. */
export async function allowedMethods(path: string): Promise<string[]> {
  if (path in documents) return ["GET"];
  const matches = await Promise.all(methods.map((method) => match(method, path)));
  return methods.filter((_, index) => matches[index]?.length);
}

const families = dialects.flatMap((dialect) =>
  Object.entries(dialect.families).map(([name, load]) => ({
    prefix: `/api/${name}`,
    router: once(async () => routerOf(await load())),
  })),
);

async function match(method: string, path: string): Promise<ReturnType<TrieRouter<Endpoint>["match"]>[0]> {
  const family = families.find(
    ({ prefix }) => path.startsWith(prefix) && [undefined, "/"].includes(path[prefix.length]),
  );
  const router = await family?.router();
  return router?.match(method, path)[0] ?? [];
}

function routerOf(endpoints: readonly Endpoint[]): TrieRouter<Endpoint> {
  const router = new TrieRouter<Endpoint>();
  for (const endpoint of endpoints)
    router.add(endpoint.method.toUpperCase(), endpoint.path.replaceAll(/\{(\w+)\}/g, ":$1"), endpoint);
  return router;
}

const decoded = (params: Record<string, string | number>) =>
  Object.fromEntries(Object.entries(params).map(([name, text]) => [name, tryDecode(String(text), decodeURIComponent)]));
