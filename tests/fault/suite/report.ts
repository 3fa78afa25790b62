import { paths } from "./path.ts";
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
  return `
${seriesOf(results)}

| figure | value |
| --- | --- |
| runs | ${count(results.length)} (of 100 planned) |
| messages, in both directions | ${count(sum((one) => one.messages))} |
| events in the log | ${count(sum((one) => one.events))} |
| faults | ${count(faults.length)} |
| copies that phones dropped because they had the message | ${count(sum((one) => one.droppedCopies))} |
| webhooks that arrived again | ${count(sum((one) => one.repeatedWebhooks))} |
| violations, without \`late\` | ${count(sum(violations(false)))} |
| \`late\` | ${count(sum(violations(true)))} |

| fault | number | recovery: median | longest | longest, with the periods of other faults | bound |
| --- | --- | --- | --- | --- | --- |
${Object.entries(faultKinds)
  .map(([kind, { boundMs }]) => {
    const ofKind = faults.filter((one) => one.kind === kind);
    const times = sorted(ofKind.map(({ recoveryMs }) => recoveryMs));
    const whole = sorted(ofKind.flatMap(({ tookMs }) => (tookMs === undefined ? [] : [tookMs])));
    const median = times[Math.floor((times.length - 1) / 2)];
    return `| ${kind} | ${times.length} | ${seconds(median)} | ${seconds(times.at(-1))} | ${seconds(whole.at(-1))} | ${seconds(boundMs)} |`;
  })
  .join("\n")}

${violationsOf(results)}`;
}

/** Returns times in ascending order. A recovery that the run did not see takes for ever. */
const sorted = (times: readonly (number | null)[]) =>
  times.map((time) => time ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
const count = (value: number) => value.toLocaleString("en-US");
const violations = (late: boolean) => (one: SuiteResult) =>
  one.violations.filter(({ rule }) => (rule === "late") === late).length;

/** Returns a row for the runs that have the path, commit, length and load factor in common. */
function seriesOf(results: readonly SuiteResult[]): string {
  const rows = paths.flatMap((path) => {
    const ofPath = results.filter((one) => one.path === path);
    const series = Map.groupBy(ofPath, ({ commit, planned, load }) => `${commit} ${planned} ${load}`);
    return [...series.values()].map((list) => {
      const sum = (value: (one: SuiteResult) => number) => list.reduce((total, one) => total + value(one), 0);
      const [first] = list;
      const cells = [
        path,
        first?.commit,
        list.length,
        ranges(list.map(({ seed }) => seed).sort((a, b) => a - b)),
        count(first?.planned ?? 0),
        count(sum((one) => one.handedOver)),
        first?.load,
        count(sum(violations(false))),
        count(sum(violations(true))),
      ];
      return `| ${cells.join(" | ")} |`;
    });
  });
  return `| path | commit | runs | seeds | messages in a run | commands handed over | load factor | violations, without \`late\` | \`late\` |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join("\n")}`;
}

function violationsOf(results: readonly SuiteResult[]): string {
  const rows = results.flatMap(({ seed, path, commit, violations }) =>
    [...Map.groupBy(violations, ({ rule }) => rule)].map(
      ([rule, list]) =>
        `| ${seed} | ${path} | ${commit} | ${rule}: ${rules[rule]} | ${list.length} | ${inCell(list[0]?.detail ?? "")} |`,
    ),
  );
  if (rows.length === 0) return "No run had a violation.";
  return `| seed | path | commit | violation | number | the first |\n| --- | --- | --- | --- | --- | --- |\n${rows.join("\n")}`;
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
