import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SubjectName } from "../subject.ts";
import type { Holding, Pace, Result, Round } from "./result.ts";
import { directions } from "./result.ts";
import { percentile, sum } from "./statistics.ts";

/**
 * One line of the table. `before` is the value of the gateway of an earlier commit. `ratio` is the gateway's value divided
 * by that of bare Baileys, if both have one.
 */
export interface Line {
  name: string;
  unit: string;
  bare: number | null;
  before: number | null;
  gateway: number | null;
  ratio: number | null;
}

/** Writes `<time>.json` with all measurements and `<time>.md` with the table. Returns the table and the file names. */
export function writeReport(result: Result): { table: string; files: string[] } {
  const lines = summarize(result);
  const table = toTable(lines);
  const folder = result.options.out;
  mkdirSync(folder, { recursive: true });
  const stem = join(folder, result.environment.date.replaceAll(/[:.]/g, "-"));
  const files = [`${stem}.json`, `${stem}.md`];
  writeFileSync(`${stem}.json`, `${JSON.stringify({ ...result, lines }, null, 1)}\n`);
  writeFileSync(`${stem}.md`, toMarkdown(result, table));
  return { table, files };
}

export function summarize({ rounds, holdings, figures, options }: Result): Line[] {
  const lines: Line[] = [];
  const add = (name: string, unit: string, of: (subject: SubjectName) => number | null) => {
    lines.push(toLine(name, unit, of));
  };
  const forRounds = (direction: Round["direction"], pace: Pace) => (subject: SubjectName) =>
    rounds.filter((one) => one.direction === direction && one.pace === pace && one.subject === subject);
  const of = (list: readonly Round[], field: (round: Round) => number) => sum(list.map(field));

  for (const direction of rounds.length > 0 ? directions : []) {
    const flood = forRounds(direction, "flood");
    const rate = (list: readonly Round[], ms: (round: Round) => number) =>
      (of(list, (one) => one.arrived) / of(list, ms)) * 1000;
    add(`texts ${direction}`, "/s", (name) => rate(flood(name), (one) => one.spanMs));
    if (direction === "out") {
      const webhooks = (name: SubjectName) => (name === "bare" ? null : rate(flood(name), (one) => one.settledMs));
      add("texts out, with all their webhooks", "/s", webhooks);
    }
    for (const pace of ["low", "load"] as const) {
      const callers = pace === "low" ? "1 caller" : `${options.callers} callers`;
      const way = direction === "out" ? "request to phone" : "phone to webhook or event";
      const values = (name: SubjectName) => forRounds(direction, pace)(name).flatMap((one) => one.latenciesMs);
      for (const share of [0.5, 0.99])
        add(`${way}, ${callers}, p${share * 100}`, "ms", (name) => percentile(values(name), share));
    }
    if (direction === "out") {
      const answers = (name: SubjectName) => forRounds("out", "load")(name).flatMap((one) => one.answersMs);
      for (const share of [0.5, 0.99]) {
        const own = (name: SubjectName) => (name === "bare" ? null : percentile(answers(name), share));
        add(`request to response, ${options.callers} callers, p${share * 100}`, "ms", own);
      }
    }
    const perThousand = (field: (round: Round) => number) => (name: SubjectName) =>
      (of(flood(name), field) / of(flood(name), (one) => one.texts)) * 1000;
    add(
      `CPU per 1,000 texts ${direction}`,
      "s",
      perThousand((one) => one.cpu.process),
    );
    add(
      "— of Postgres, in addition",
      "s",
      perThousand((one) => one.cpu.postgres ?? Number.NaN),
    );
    add(
      `CPU per 1,000 texts ${direction}, with Postgres`,
      "s",
      perThousand((one) => one.cpu.process + (one.cpu.postgres ?? 0)),
    );
    add(
      "— of the driver in the same time",
      "s",
      perThousand((one) => one.driverCpu),
    );
  }
  const alone = figures.map(({ name, unit, value, bare }) =>
    toLine(name, unit, (subject) => (subject === "gateway" ? value : subject === "bare" ? (bare ?? null) : null)),
  );
  return [...lines, ...memoryLines(holdings, add, lines), ...alone];
}

function toLine(name: string, unit: string, of: (subject: SubjectName) => number | null): Line {
  const [bare, before, gateway] = [finite(of("bare")), finite(of("before")), finite(of("gateway"))];
  return { name, unit, bare, before, gateway, ratio: bare && gateway !== null ? gateway / bare : null };
}

function memoryLines(
  holdings: readonly Holding[],
  add: (name: string, unit: string, of: (subject: SubjectName) => number | null) => void,
  lines: Line[],
): Line[] {
  const before = lines.length;
  const find = (subject: SubjectName, instances: number, state: Holding["state"]) =>
    holdings.find((one) => one.subject === subject && one.instances === instances && one.state === state);
  const points = [...new Set(holdings.map((one) => `${one.instances} ${one.state}`))];
  for (const point of points) {
    const instances = Number(point.split(" ")[0]);
    const state = point.slice(point.indexOf(" ") + 1) as Holding["state"];
    const label = `${instances} idle${state === "linked" ? "" : `, ${state}`}`;
    for (const [field, title] of [
      ["rss", "RSS"],
      ["heapUsed", "heap"],
    ] as const) {
      add(`${title}, ${label}`, "MiB", (name) => mebi(find(name, instances, state)?.[field]));
      if (instances === 0) continue;
      add(`${title} per instance, ${label}`, "MiB", (name) => {
        const [full, empty] = [find(name, instances, state), find(name, 0, "linked")];
        return full && empty ? mebi((full[field] - empty[field]) / instances) : null;
      });
    }
    add(`idle CPU, ${label}`, "%", (name) => (find(name, instances, state)?.idleCpu ?? Number.NaN) * 100);
    if (state === "logged in again")
      add(
        `start until ${instances} are connected`,
        "s",
        (name) => (find(name, instances, state)?.tookMs ?? Number.NaN) / 1000,
      );
  }
  return lines.splice(before);
}

const mebi = (bytes: number | undefined) => (bytes === undefined ? null : bytes / 2 ** 20);
const finite = (value: number | null) => (value !== null && Number.isFinite(value) ? value : null);

function toTable(lines: readonly Line[]): string {
  const rows = lines.map(({ name, unit, bare, before, gateway, ratio }) => [
    ...[name, unit],
    ...[bare, before, gateway, ratio].map(figure),
  ]);
  const all = [["", "", "bare Baileys", "before", "gateway", "ratio"], ...rows];
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0), 3));
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = `| ${widths.map((width, column) => (column < 2 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(all[0] ?? []), rule, ...rows.map(line)].join("\n");
}

/** Formats with three significant digits, or as an integer from 100. */
export function figure(value: number | null): string {
  if (value === null) return "";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

function toMarkdown({ environment, options, repeatedWebhooks, problems }: Result, table: string): string {
  const facts = (record: object) =>
    Object.entries(record)
      .map(([name, value]) => `- ${name}: ${Array.isArray(value) ? value.join(", ") : value}`)
      .join("\n");
  const troubles = problems.length === 0 ? "none" : `\n${problems.map((problem) => `- ${problem}`).join("\n")}`;
  return `# Benchmark of ${environment.date}

${table}

Webhooks that arrived more than once: ${repeatedWebhooks}. Problems: ${troubles}

## Environment
${facts(environment)}

## Parameters
${facts(options)}
`;
}
