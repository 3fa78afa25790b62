import { rules, type Violation } from "../suite/record/checker.ts";
import { judge, type Measure, warmUp } from "./flatness.ts";
import type { SoakResult } from "./soak.ts";

export interface RecordedSoak extends SoakResult {
  commit: string;
  at: string;
}

const titles: Record<Measure, string> = {
  rss: "RSS",
  heap: "heap after garbage collection",
  external: "memory outside the heap",
  descriptors: "file descriptors",
  sockets: "sockets",
  timers: "timers",
  handles: "handles",
};

/** Returns the figures of a soak as Markdown. */
export function soakReport({ options, messages, samples, violations, commit, at }: RecordedSoak): string {
  const wrong = violations.filter(({ rule }) => rule !== "late");
  const minutes = Math.max(...Object.values(samples).flatMap((list) => list.map(({ minute }) => minute)));
  const rows = Object.entries(samples)
    .sort(([a], [b]) => a.localeCompare(b))
    .flatMap(([name, list]) =>
      judge(list).map(({ measure, median, growth, allowed, flat }) => {
        const text = (value: number) => format(measure, value);
        const first = text(list[0]?.[measure] ?? 0);
        return `| ${name} | ${titles[measure]} | ${first} | ${text(median)} | ${text(growth)} | ${text(allowed)} | ${flat ? "yes" : "**no**"} |`;
      }),
    );
  const late = violations.length - wrong.length;
  return `
${options.instances} instances, ${minutes.toFixed(1)} minutes, ${messages.toLocaleString("en-US")} messages, on ${at.slice(0, 10)}, commit ${commit}.
The first ${Math.round(warmUp * 100)}% of the time is the warm-up. Load factor ${options.load}: ${late.toLocaleString("en-US")} of the messages,
events and commands were late.

| process | measure | first sample | median after warm-up | growth after warm-up | allowed growth | flat |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join("\n")}

${violationsOf(wrong)}`;
}

function violationsOf(violations: readonly Violation[]): string {
  if (violations.length === 0) return "No message was lost or repeated.";
  const kinds = [...Map.groupBy(violations, ({ rule }) => rule)];
  return `| violation | number |\n| --- | --- |\n${kinds.map(([rule, list]) => `| ${rule}: ${rules[rule]} | ${list.length} |`).join("\n")}`;
}

/** Returns whether every measure of every process is flat. */
export const isFlat = ({ samples }: SoakResult) =>
  Object.values(samples).every((list) => judge(list).every(({ flat }) => flat));

const bytes: readonly Measure[] = ["rss", "heap", "external"];
const format = (measure: Measure, value: number) =>
  bytes.includes(measure) ? `${(value / 1024 ** 2).toFixed(1)} MiB` : value.toFixed(value % 1 === 0 ? 0 : 1);
