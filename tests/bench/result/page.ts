import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Environment } from "../environment.ts";
import { figure, type Line, summarize } from "./report.ts";
import type { Figure, Result } from "./result.ts";
import { percentile } from "./statistics.ts";

const page = fileURLToPath(new URL("../../../docs/reference/performance.md", import.meta.url));

/** The parts of the page that the benchmark writes, between their marks. */
const parts = {
  main: ["<!-- The benchmark writes this part. -->", "<!-- End of the part of the benchmark. -->"],
  restart: ["<!-- The benchmark of restarts writes this part. -->", "<!-- End of the part about restarts. -->"],
} as const;

interface Goal {
  /** The name of the line in the benchmark's table. */
  line: string;
  /** What is compared with the limit: the gateway's value, or its ratio to bare Baileys. */
  of: "gateway" | "ratio";
  limit: number;
  /** Whether more is better. */
  atLeast?: boolean;
}

const goals: readonly Goal[] = [
  { line: "texts out", of: "ratio", limit: 0.6, atLeast: true },
  { line: "texts in", of: "ratio", limit: 0.8, atLeast: true },
  { line: "request to phone, 1 caller, p50", of: "gateway", limit: 8 },
  { line: "request to phone, 1 caller, p99", of: "gateway", limit: 25 },
  { line: "request to phone, 64 callers, p50", of: "ratio", limit: 2 },
  { line: "phone to webhook or event, 1 caller, p50", of: "gateway", limit: 6 },
  { line: "CPU per 1,000 texts out, with Postgres", of: "gateway", limit: 2.8 },
  { line: "RSS per instance, 200 idle", of: "gateway", limit: 0.4 },
  { line: "cold start of the API", of: "ratio", limit: 2 },
  { line: "p99 of a user while another one floods", of: "ratio", limit: 2 },
];

/**
 * Writes the goals and the figures of all runs into the page of the documentation: the median, and the lowest and the
 * highest value. Leaves the parts alone that these runs didn't measure. Returns the name of the file.
 */
export function writePerformancePage(results: readonly Result[]): string {
  const text = existsSync(page) ? readFileSync(page, "utf8") : "";
  writeFileSync(page, withResults(text, results));
  return page;
}

/** Returns the text of the page with the figures of these runs. */
export function withResults(text: string, results: readonly Result[]): string {
  const [first] = results;
  if (!first) throw new Error("no run to write about");
  const main = linesOf(results, (figure) => figure.section === undefined);
  const restart = linesOf(onlyFigures(results), (figure) => figure.section === "restart");
  const withMain = main.length === 0 ? text : replaced(text, parts.main, content(results, first, main));
  return restart.length === 0 ? withMain : replaced(withMain, parts.restart, restartContent(results, first, restart));
}

function replaced(text: string, [begin, end]: readonly [string, string], by: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`${page} has no part between ${begin} and ${end}`);
  return `${text.slice(0, from)}${begin}\n\n${by}\n\n${text.slice(to)}`;
}

const onlyFigures = (results: readonly Result[]) => results.map((one) => ({ ...one, rounds: [], holdings: [] }));

/** Returns each line of the table with its values in all runs. Uses only the figures that `isPart` chooses. */
function linesOf(results: readonly Result[], isPart: (figure: Figure) => boolean): Line[][] {
  const runs = results.map((result) => summarize({ ...result, figures: result.figures.filter(isPart) }));
  return (runs[0] ?? []).map((_, index) => runs.flatMap((run) => run[index] ?? []));
}

const machineOf = ({ date, cpu, cores, memoryGiB, system, node, baileys }: Environment) =>
  `Measured on ${date.slice(0, 10)}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node.js ${node}, Baileys ${baileys}.`;

const loadsOf = (results: readonly Result[]) =>
  results.map(({ environment }) => environment.loadAverage.toFixed(1)).join(", ");

function restartContent(results: readonly Result[], { environment, options }: Result, lines: Line[][]): string {
  const rows = lines.map((runs) => {
    const values = (["bare", "gateway", "ratio"] as const).map((of) => spread(runs.map((one) => one[of])));
    return `| ${[runs[0]?.name, runs[0]?.unit, ...values].join(" | ")} |`;
  });
  const command = `npm run bench -- --part restart --instances ${options.instances.at(-1)} --runs ${results.length} --document`;
  return `${machineOf(environment)} Commit \`${environment.commit}\`, load average ${loadsOf(results)} at the start. To measure again, run
\`${command}\`.

| figure | unit | bare Baileys | gateway | ratio |
| --- | --- | --: | --: | --: |
${rows.join("\n")}`;
}

function content(results: readonly Result[], { environment }: Result, lines: Line[][]): string {
  const { commit, before } = environment;
  return `${machineOf(environment)} Commit \`${commit}\`,
compared with \`${before}\` (before). Runs: ${results.length}, with a load average of ${loadsOf(results)} at their start. Each value is the median of the runs, with the lowest and the highest
in parentheses. To measure again, run \`npm run bench -- --runs ${results.length} --before ${before} --document\`.

### Goals

| figure | goal | before | now | |
| --- | --- | --: | --: | --- |
${goals.flatMap((goal) => goalRow(goal, lines)).join("\n")}

### All figures

| figure | unit | bare Baileys | before | gateway | ratio |
| --- | --- | --: | --: | --: | --: |
${lines.map(row).join("\n")}`;
}

function goalRow({ line, of, limit, atLeast }: Goal, lines: readonly Line[][]): string[] {
  const found = lines.find(([one]) => one?.name === line);
  if (!found) return [];
  const unit = of === "ratio" ? "× bare" : (found[0]?.unit ?? "");
  const now = found.map((one) => one[of]);
  const before = found.map((one) => (of === "gateway" ? one.before : one.before && one.bare && one.before / one.bare));
  const median = medianOf(now);
  const isMet = median !== null && (atLeast ? median >= limit : median <= limit);
  return [
    `| ${line} | ${atLeast ? "≥" : "≤"} ${limit} ${unit} | ${spread(before)} | ${spread(now)} | ${isMet ? "met" : "missed"} |`,
  ];
}

function row(runs: readonly Line[]): string {
  const [first] = runs;
  const values = (["bare", "before", "gateway", "ratio"] as const).map((of) => spread(runs.map((one) => one[of])));
  return `| ${[first?.name, first?.unit, ...values].join(" | ")} |`;
}

const known = (values: readonly (number | null)[]) => values.filter((value) => value !== null);

function medianOf(values: readonly (number | null)[]): number | null {
  return known(values).length === 0 ? null : percentile(known(values), 0.5);
}

function spread(values: readonly (number | null)[]): string {
  const all = known(values);
  if (all.length < 2) return figure(medianOf(all));
  return `${figure(medianOf(all))} (${figure(Math.min(...all))}–${figure(Math.max(...all))})`;
}
