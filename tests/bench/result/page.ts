import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { figure, type Line, summarize } from "./report.ts";
import type { Result } from "./result.ts";
import { percentile } from "./statistics.ts";

const page = fileURLToPath(new URL("../../../docs/reference/performance.md", import.meta.url));
const [begin, end] = ["<!-- The benchmark writes this part. -->", "<!-- End of the part of the benchmark. -->"];

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
 * highest value. Returns the name of the file.
 */
export function writePerformancePage(results: readonly Result[]): string {
  const text = existsSync(page) ? readFileSync(page, "utf8") : "";
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`${page} has no part for the benchmark`);
  writeFileSync(page, `${text.slice(0, from)}${begin}\n\n${content(results)}\n\n${text.slice(to)}`);
  return page;
}

function content(results: readonly Result[]): string {
  const runs = results.map((result) => summarize(result));
  const [first] = results;
  if (!first) throw new Error("no run to write about");
  const { date, cpu, cores, memoryGiB, system, node, baileys, commit, before } = first.environment;
  const loads = results.map(({ environment }) => environment.loadAverage.toFixed(1)).join(", ");
  const names = runs[0]?.map(({ name }) => name) ?? [];
  const lines = names.map((_, index) => runs.flatMap((run) => run[index] ?? []));
  return `Measured on ${date.slice(0, 10)}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node.js ${node}, Baileys ${baileys}. Commit \`${commit}\`,
compared with \`${before}\` (before). Runs: ${results.length}, with a load average of ${loads} at their start. Each value is the median of the runs, with the lowest and the highest
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
