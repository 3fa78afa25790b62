import { faultKinds } from "./plan.ts";
import { rules } from "./record/checker.ts";
import type { RunResult } from "./run.ts";

/** A line of the results. */
export interface SuiteResult extends RunResult {
  commit: string;
  at: string;
  planned: number;
}

/** Returns the figures of all runs as Markdown. */
export function suiteReport(results: readonly SuiteResult[]): string {
  if (results.length === 0) return "No run has been recorded.";
  const sum = (value: (one: SuiteResult) => number) => results.reduce((total, one) => total + value(one), 0);
  const faults = results.flatMap((one) => one.faults);
  const unique = (values: readonly (string | number)[]) => [...new Set(values)];
  const seeds = results.map(({ seed }) => seed).sort((a, b) => a - b);
  const count = (value: number) => value.toLocaleString("en-US");
  return `
| figure | value |
| --- | --- |
| runs | ${count(results.length)} (of 100 planned) |
| messages, in both directions | ${count(sum((one) => one.messages))} |
| messages in a run | ${unique(results.map((one) => count(one.planned))).join(", ")} |
| events in the log | ${count(sum((one) => one.events))} |
| faults | ${count(faults.length)} |
| copies that phones dropped because they had the message | ${count(sum((one) => one.droppedCopies))} |
| webhooks that arrived again | ${count(sum((one) => one.repeatedWebhooks))} |
| violations, without \`late\` | ${count(sum((one) => one.violations.filter(({ rule }) => rule !== "late").length))} |
| \`late\` | ${count(sum((one) => one.violations.filter(({ rule }) => rule === "late").length))} |
| load factor of the time limits | ${unique(results.map((one) => one.load)).join(", ")} |
| seeds | ${ranges(seeds)} |
| commits | ${unique(results.map((one) => one.commit)).join(", ")} |

| fault | number | recovery: median | longest | bound |
| --- | --- | --- | --- | --- |
${Object.entries(faultKinds)
  .map(([kind, { boundMs }]) => {
    const times = faults.flatMap((one) => (one.kind === kind ? [one.recoveryMs ?? Number.POSITIVE_INFINITY] : []));
    times.sort((a, b) => a - b);
    const median = times[Math.floor((times.length - 1) / 2)];
    return `| ${kind} | ${times.length} | ${seconds(median)} | ${seconds(times.at(-1))} | ${seconds(boundMs)} |`;
  })
  .join("\n")}

${violationsOf(results)}`;
}

function violationsOf(results: readonly SuiteResult[]): string {
  const rows = results.flatMap(({ seed, violations }) =>
    [...Map.groupBy(violations, ({ rule }) => rule)].map(
      ([rule, list]) => `| ${seed} | ${rule}: ${rules[rule]} | ${list.length} | ${inCell(list[0]?.detail ?? "")} |`,
    ),
  );
  if (rows.length === 0) return "No run had a violation.";
  return `| seed | violation | number | the first |\n| --- | --- | --- | --- |\n${rows.join("\n")}`;
}

const inCell = (text: string) => text.replaceAll("|", "\\|").replace(/\s+/g, " ").slice(0, 160);

const seconds = (ms: number | undefined) =>
  ms === undefined ? "–" : Number.isFinite(ms) ? `${(ms / 1000).toFixed(1)} s` : "not within the run";

/** Returns numbers in ascending order as ranges: `1–3, 7`. */
function ranges(numbers: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const number of numbers) {
    const last = parts.at(-1);
    if (last && number <= last[1] + 1) last[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}
