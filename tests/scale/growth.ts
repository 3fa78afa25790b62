import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Environment, readEnvironment } from "../bench/environment.ts";
import type { Measured } from "./measure.ts";
import { few, many, scale } from "./sizes.ts";

/** The environment variable with the folder of the results. Each size is measured in a process of its own. */
const variable = "SWITCHBOARD_SCALE_RESULTS";
const page = "docs/reference/performance.md";
const [begin, end] = ["<!-- npm run test:scale writes this part. -->", "<!-- End of the part of test:scale. -->"];

/** A statement as the table shows it. */
interface Figures {
  ms: number;
  buffers: number;
  calls: number;
}

interface Kept {
  statements: [string, Figures][];
  hot: [string, number][];
}

/** Keeps what was measured for the table. */
export async function keep(size: "few" | "many", { statements, hot }: Measured): Promise<void> {
  const kept: Kept = {
    statements: [...statements].map(([text, { ms, buffers, calls }]) => [text, { ms, buffers, calls }]),
    hot: [...hot],
  };
  await writeFile(join(process.env[variable] ?? "", size), JSON.stringify(kept));
}

/** Vitest's global setup: at the end, prints both sizes side by side, and at full scale writes them to the page. */
export default async function compare(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-scale-"));
  process.env[variable] = folder;
  const environment = readEnvironment();
  const read = async (size: string): Promise<Kept | undefined> =>
    await readFile(join(folder, size), "utf8").then(JSON.parse, () => undefined);
  return async () => {
    const [small, large] = [await read("few"), await read("many")];
    await rm(folder, { recursive: true, force: true });
    if (!small || !large) return;
    const text = growthTable({ ...environment, before: "none" }, small, large);
    console.info(text);
    if (scale === 1) await writePart(text);
  };
}

/** The statements that touch the most pages at the larger size. */
const shown = 40;

/** Returns the table of statements and the shares of HOT updates at both sizes, as Markdown. */
export function growthTable(environment: Environment, small: Kept, large: Kept): string {
  const { date, cpu, cores, memoryGiB, node, commit, loadAverage } = environment;
  const before = new Map(small.statements);
  const rows = large.statements
    .flatMap(([text, now]) => {
      const then = before.get(text);
      return then ? [{ text, then, now }] : [];
    })
    .sort((a, b) => b.now.buffers - a.now.buffers);
  const hotBefore = new Map(small.hot);
  const [fewer, more] = [few, many].map((count) => count.toLocaleString("en"));
  return `Measured on ${date.slice(0, 10)}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Node.js ${node}, commit \`${commit}\`, load average ${loadAverage.toFixed(1)}. The
other tables grow in proportion to the messages: 5 events, 2.2 keys of sessions and 1 delivery per message. Both sizes ran the same scene.
Pages (of 8 KiB) and milliseconds are those of the execution with the median time, with the instrumentation of EXPLAIN. To measure again, run
\`npm run test:scale\`.

The ${shown} of ${rows.length} statements with the most pages:

| statement | pages, ${fewer} messages | pages, ${more} | ms, ${fewer} | ms, ${more} |
| --- | --: | --: | --: | --: |
${rows
  .slice(0, shown)
  .map(
    ({ text, then, now }) =>
      `| \`${excerpt(text)}\` | ${then.buffers} | ${now.buffers} | ${then.ms.toFixed(2)} | ${now.ms.toFixed(2)} |`,
  )
  .join("\n")}

Updates that wrote no index (HOT):

| table | ${fewer} messages | ${more} |
| --- | --: | --: |
${large.hot
  .filter(([table]) => hotBefore.has(table))
  .sort(([a], [b]) => a.localeCompare(b))
  .map(([table, share]) => `| \`${table}\` | ${percent(hotBefore.get(table))} | ${percent(share)} |`)
  .join("\n")}`;
}

const percent = (share = 0) => `${Math.round(share * 100)} %`;

/** The beginning of a statement, which ends no cell and no code. */
const excerpt = (text: string) => text.slice(0, 100).replaceAll("|", "∣").replaceAll("`", "'").trim();

async function writePart(text: string): Promise<void> {
  const before = await readFile(page, "utf8");
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`${page} has no part for the growth`);
  await writeFile(page, `${before.slice(0, from)}${begin}\n\n${text}\n\n${before.slice(to)}`);
}
