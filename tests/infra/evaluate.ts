import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as esbuild from "esbuild";
import { type Bundle, type Change, readChanged, startCli } from "./cli.ts";
import { type Declared, mocks } from "./mocks.ts";

/**
 * Evaluates the real `sst.config.ts` with SST's real components and Pulumi's mocks: no AWS account, no Pulumi engine, no network.
 * It does what SST's CLI does before it starts Pulumi (`pkg/project/run.go` and `pkg/js/js.go`).
 */
export interface Evaluation {
  /** Every resource with the arguments that AWS would get. */
  resources: Declared[];
  /** Every function as it would be uploaded. */
  bundles: Bundle[];
  /** Calls of SST's CLI that failed, such as bundling a handler that doesn't exist. */
  problems: string[];
}

export interface Variation {
  stage?: string;
  /** A change that the rules should reject. */
  change?: Change;
}

const root = process.cwd();
const platform = join(root, ".sst/platform");
const secrets = { AdminEmail: "admin@example.com", AdminPassword: "not a real one" };
export const region = "eu-central-1";

export async function evaluate({ stage = "test", change }: Variation = {}): Promise<Evaluation> {
  const work = await mkdtemp(join(tmpdir(), "switchboard-infra-"));
  const cli = await startCli(root, work, region, change);
  process.env.SST_SERVER = cli.url;
  process.env.AWS_REGION = region;
  for (const [name, value] of Object.entries(secrets)) process.env[`SST_SECRET_${name}`] = value;
  // The file is in SST's platform folder, so that the platform's modules resolve.
  const outfile = join(platform, `evaluation.${process.pid}.${Date.now()}.mjs`);
  try {
    const app = { ...(await readApp(outfile, stage)), stage };
    const declared: Declared[] = [];
    const run = await compileRun(outfile, { app, stage, work, change });
    await run(mocks(region, declared));
    await settled(declared);
    return { resources: declared, bundles: cli.bundles, problems: cli.problems };
  } finally {
    await cli.close();
    await Promise.all([rm(outfile, { force: true }), rm(work, { recursive: true, force: true })]);
  }
}

interface App {
  name: string;
  providers?: Record<string, unknown>;
  protect?: boolean;
}

async function readApp(outfile: string, stage: string): Promise<App> {
  await compile({
    outfile,
    stdin: source(
      `import config from ${quoted("sst.config.ts")}; export default config.app({ stage: ${JSON.stringify(stage)} });`,
    ),
    banner: { js: "const $config = (config) => config;" },
  });
  return (await load<{ default: Promise<App> }>(outfile)).default;
}

async function compileRun(
  outfile: string,
  { app, stage, work, change }: { app: App; stage: string; work: string; change: Change | undefined },
): Promise<(mocks: unknown) => Promise<unknown>> {
  const lock = JSON.parse(await readFile(join(root, ".sst/provider-lock.json"), "utf8")) as {
    alias: string;
    package: string;
  }[];
  const globals = [
    ...lock.map(({ alias, package: name }) => `import * as ${alias} from "${name}";`),
    `import * as sst from ${JSON.stringify(`${platform}/src/components`)};`,
  ].join("\n");
  const names = JSON.stringify([app.name, stage]);
  await compile({
    outfile,
    stdin: source(`
      import { run } from ${JSON.stringify(join(platform, "src/auto/run.ts"))};
      import config from ${quoted("sst.config.ts")};
      import * as pulumi from "@pulumi/pulumi";
      export default async (mocks) => {
        await pulumi.runtime.setMocks(mocks, ...${names}, false);
        return pulumi.runtime.runInPulumiStack(() => run(config.run));
      };`),
    define: {
      $app: JSON.stringify({ providers: {}, ...app, protect: Boolean(app.protect) }),
      $cli: JSON.stringify({
        command: "diff",
        dev: false,
        paths: { home: work, root, work: join(root, ".sst"), platform },
        state: { version: {} },
      }),
      $dev: "false",
    },
    inject: [join(platform, "src/shim/run.js")],
    banner: { js: commonJs },
    plugins: [
      {
        name: "project",
        setup(build) {
          build.onLoad({ filter: /\.[jt]s$/ }, async ({ path }) => {
            if (path.startsWith(join(root, ".sst")) || path.includes("node_modules")) return null;
            const isChanged = change && path === join(root, change.file);
            const contents = isChanged ? await readChanged(path, change) : await readFile(path, "utf8");
            return { contents: `${globals}\n${contents}`, loader: "ts" };
          });
        },
      },
    ],
  });
  return (await load<{ default: (mocks: unknown) => Promise<unknown> }>(outfile)).default;
}

/** The banner of SST's own bundles. Some packages of its platform are CommonJS. */
const commonJs = `
import { createRequire as topLevelRequire } from "node:module";
import { fileURLToPath as topLevelPath, URL as topLevelUrl } from "node:url";
const require = topLevelRequire(import.meta.url);
const __filename = topLevelPath(import.meta.url);
const __dirname = topLevelPath(new topLevelUrl(".", import.meta.url));`;

async function compile(options: esbuild.BuildOptions): Promise<void> {
  await esbuild.build({
    bundle: true,
    platform: "node",
    format: "esm",
    mainFields: ["module", "main"],
    nodePaths: [join(platform, "node_modules")],
    external: [
      "@pulumi/*",
      "@pulumiverse/*",
      "@sst-provider/*",
      "@aws-sdk/*",
      "undici",
      "esbuild",
      "archiver",
      "glob",
      "vite",
    ],
    logLevel: "silent",
    ...options,
  });
}

const quoted = (file: string) => JSON.stringify(join(root, file));
const source = (contents: string) => ({ contents, resolveDir: root, loader: "ts" as const });
let loads = 0;
const load = async <Module>(file: string): Promise<Module> =>
  (await import(/* @vite-ignore */ `${pathToFileURL(file).href}?${loads++}`)) as Module;

/** Waits until no resource was declared for 400 ms. Resources follow their dependencies, and no event marks the last one. */
async function settled(declared: readonly Declared[]): Promise<void> {
  for (let before = -1, quiet = 0; quiet < 4; quiet = before === declared.length ? quiet + 1 : 0) {
    before = declared.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
