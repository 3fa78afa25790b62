import { type Path, paths } from "../suite/path.ts";
import { rules } from "../suite/record/checker.ts";
import { type Point, type PointResult, victimsOf } from "./stage.ts";

/** The crash points that a scenario reaches in the sources of a commit. */
export interface Discovery {
  path: Path;
  commit: string;
  /** The number of all sites in the source files, reached or not. */
  sites: number;
  points: Point[];
}

export interface RecordedPoint extends PointResult {
  path: Path;
  commit: string;
  load: number;
}

/** Returns the figures of all crash points as Markdown. */
export function crashReport(results: readonly RecordedPoint[], discoveries: readonly Discovery[]): string {
  const latest = discoveries.at(-1);
  if (!latest || results.length === 0) return "No crash point has been recorded.";
  const both = paths.flatMap((path) => victimsOf[path].map((victim) => ({ path, victim })));
  const rows = both.map(({ path, victim }) => {
    const own = results.filter((one) => one.victim === victim && one.path === path);
    const stopped = own.filter((one) => one.stopped);
    const times = stopped.map(({ recoveryMs }) => recoveryMs ?? 0).sort((a, b) => a - b);
    const discovery = discoveries.findLast((one) => one.path === path);
    const found = discovery?.points.filter((one) => one.victim === victim).length ?? 0;
    const count = (late: boolean) =>
      own.reduce((sum, { violations }) => sum + violations.filter(({ rule }) => (rule === "late") === late).length, 0);
    const cells = [
      path,
      path === "direct" && victim === "host-0" ? "the whole gateway" : victim.replace(/-0$/, ""),
      found,
      own.length,
      stopped.length,
      seconds(times[Math.floor((times.length - 1) / 2)]),
      seconds(times.at(-1)),
      count(false),
      count(true),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const commits = [...new Set(results.map((one) => one.commit))].join(", ");
  const loads = [...new Set(results.map(({ load }) => load))].join(", ");
  return `
The source files have ${latest.sites} sites. Each site has two crash points: the beginning and the end of its wait. Commits: ${commits}. Load factor: ${loads}.

| path | process | points that the scenario reaches | tried | stopped there | from restart to the end of all work: median | longest | violations | \`late\` |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join("\n")}

${violationsOf(results)}`;
}

function violationsOf(results: readonly RecordedPoint[]): string {
  const rows = results.flatMap(({ path, victim, at, violations }) =>
    [...Map.groupBy(violations, ({ rule }) => rule)].map(([rule, list]) => {
      const detail = (list[0]?.detail ?? "").replaceAll("|", "\\|").replace(/\s+/g, " ").slice(0, 160);
      return `| ${path} | ${victim} ${at} | ${rule}: ${rules[rule]} | ${list.length} | ${detail} |`;
    }),
  );
  if (rows.length === 0) return "No crash point had a violation.";
  return `| path | crash point | violation | number | the first |\n| --- | --- | --- | --- | --- |\n${rows.join("\n")}`;
}

const seconds = (ms: number | undefined) => (ms === undefined ? "–" : `${(ms / 1000).toFixed(1)} s`);
