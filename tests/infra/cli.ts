import { existsSync } from "node:fs";
import { cp, mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join, resolve } from "node:path";
import * as esbuild from "esbuild";

/** A replacement in a file of the project, applied when the file is read. */
export interface Change {
  file: string;
  from: string;
  to: string;
}

/** A function as it would be uploaded. */
export interface Bundle {
  handler: string;
  runtime: string;
  /** The bundling options from the configuration. */
  properties: BuildRequest["properties"];
  file: string;
  /** Sizes of all files, and of those that are loaded before the first event. */
  bytes: { whole: number; start: number };
  /** Returns the source files that the import of a source file loads, directly or indirectly, without dynamic imports. */
  loadedBy(source: string): Set<string>;
}

interface BuildRequest {
  handler: string;
  functionID: string;
  runtime: string;
  properties: { minify?: boolean; splitting?: boolean };
  copyFiles?: { from: string; to?: string }[];
}

/** A cache of bundles. Bundling takes longer than everything else, and most changes don't affect the bundles. */
const bundled = new Map<string, Bundle>();

/** Starts a server that replaces SST's CLI for its components: it bundles handlers and names SST's own resources. */
export async function startCli(root: string, work: string, region: string, change: Change | undefined) {
  const bundles: Bundle[] = [];
  const problems: string[] = [];
  const methods: Record<string, (input: never) => unknown> = {
    "Provider.Aws.Bootstrap": () => ({
      asset: "sst-asset",
      assetEcrRegistryId: "123456789012",
      assetEcrUrl: `123456789012.dkr.ecr.${region}.amazonaws.com/sst-asset`,
      state: "sst-state",
      appsyncHttp: "",
      appsyncRealtime: "",
    }),
    "Runtime.AddTarget": () => ({}),
    "Runtime.Build": async (request: BuildRequest) => {
      const out = join(work, request.functionID);
      try {
        const known = change?.file.startsWith("functions/") ? undefined : bundled.get(request.handler);
        const bundle = known ?? (await bundleHandler(root, out, request, change));
        if (!change) bundled.set(request.handler, bundle);
        bundles.push(bundle);
        await mkdir(out, { recursive: true });
      } catch (error) {
        // SST would end here. Continue, so that the other checks run too.
        problems.push(error instanceof Error ? error.message : String(error));
        await mkdir(out, { recursive: true });
      }
      return { handler: request.handler, out, errors: [], sourcemaps: [] };
    },
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", async () => {
      const { method, params } = JSON.parse(Buffer.concat(chunks).toString()) as { method: string; params: never[] };
      const run = methods[method];
      if (!run) problems.push(`the components called the unknown method ${method}`);
      const body = run ? { result: await run(params[0] as never) } : { error: `unknown method ${method}` };
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bundles,
    problems,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** Bundles with the options of SST's Node.js bundler (`pkg/runtime/node/build.go`). Throws if the handler doesn't exist. */
export async function bundleHandler(
  root: string,
  out: string,
  { handler, runtime, properties, copyFiles = [] }: Omit<BuildRequest, "functionID">,
  change?: Change,
): Promise<Bundle> {
  const dot = handler.lastIndexOf(".");
  const [path, name] = [handler.slice(0, dot), handler.slice(dot + 1)];
  const entry = join(root, `${path}.ts`);
  if (!existsSync(entry)) throw new Error(`there is no ${path}.ts`);
  const file = join(out, `${path}.mjs`);
  const result = await esbuild.build({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "esnext",
    mainFields: ["module", "main"],
    keepNames: true,
    minify: properties.minify ?? true,
    ...(properties.splitting
      ? { splitting: true, outdir: dirname(file), outExtension: { ".js": ".mjs" } }
      : { outfile: file }),
    metafile: true,
    logLevel: "silent",
    plugins: change ? [changed(root, change)] : [],
    banner: {
      js: `import { createRequire as topLevelCreateRequire } from "module";
const require = topLevelCreateRequire(import.meta.url);
import { fileURLToPath as topLevelFileUrlToPath, URL as topLevelURL } from "url";
const __filename = topLevelFileUrlToPath(import.meta.url);
const __dirname = topLevelFileUrlToPath(new topLevelURL(".", import.meta.url));`,
    },
  });
  const { outputs } = result.metafile;
  const [first, output] = Object.entries(outputs).find(([, one]) => one.entryPoint?.endsWith(`${path}.ts`)) ?? [];
  if (!first || !output?.exports.includes(name)) throw new Error(`${path}.ts exports no ${name}`);
  for (const { from, to } of copyFiles) await cp(resolve(root, from), join(out, to ?? from), { recursive: true });
  const sum = (files: Iterable<string>) => [...files].reduce((total, one) => total + (outputs[one]?.bytes ?? 0), 0);
  return {
    handler,
    runtime,
    properties,
    file,
    bytes: { whole: sum(Object.keys(outputs)), start: sum(loadedWith(first, outputs)) },
    loadedBy(source) {
      const [chunk] = Object.entries(outputs).find(([, one]) => one.entryPoint?.endsWith(source)) ?? [];
      if (!chunk) throw new Error(`${source} is not loaded on demand`);
      return new Set([...loadedWith(chunk, outputs)].flatMap((one) => Object.keys(outputs[one]?.inputs ?? {})));
    },
  };
}

/** Returns the files that a file imports statically, directly or indirectly. Dynamic imports are loaded later. */
function loadedWith(file: string, outputs: esbuild.Metafile["outputs"], found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const { path, kind, external } of outputs[file]?.imports ?? []) {
    if (kind === "import-statement" && !external) loadedWith(path, outputs, found);
  }
  return found;
}

function changed(root: string, change: Change): esbuild.Plugin {
  return {
    name: "change",
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) =>
        path === join(root, change.file) ? { contents: await readChanged(path, change), loader: "ts" } : null,
      );
    },
  };
}

export async function readChanged(path: string, { file, from, to }: Change): Promise<string> {
  const contents = await readFile(path, "utf8");
  if (!contents.includes(from)) throw new Error(`${file} does not contain ${from}`);
  return contents.replace(from, to);
}
