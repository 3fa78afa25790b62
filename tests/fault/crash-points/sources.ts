import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { instrument } from "./instrument.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Writes the instrumented sources of the gateway to a file, which `hook.ts` reads. Returns all sites. */
export function writeSources(file: string): string[] {
  const sources: Record<string, string> = {};
  const sites: string[] = [];
  for (const path of globSync("{core,functions,session-host,local/aws,local/lambda}/**/*.ts", { cwd: root }).sort()) {
    const instrumented = instrument(path, readFileSync(join(root, path), "utf8"));
    if (instrumented.sites.length === 0) continue;
    sources[pathToFileURL(join(root, path)).href] = instrumented.source;
    sites.push(...instrumented.sites);
  }
  writeFileSync(file, JSON.stringify(sources));
  return sites;
}
