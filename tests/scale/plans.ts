import { readFile } from "node:fs/promises";

/** A node of a plan as Postgres describes it. */
interface Node {
  "Node Type": string;
  "Relation Name"?: string;
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  "Shared Hit Blocks"?: number;
  "Shared Read Blocks"?: number;
  Plans?: Node[];
}

interface Explained {
  "Query Text": string;
  Plan: Node;
}

/** All executions of a statement. */
export interface Statement {
  text: string;
  calls: number;
  /** Of the execution with the median time. Milliseconds, and pages of 8 KiB. */
  ms: number;
  buffers: number;
  /** Tables that were read as a whole. */
  scanned: Set<string>;
  /** The largest number of rows that were sorted. */
  sorted: number;
}

/** Reads the plans that `auto_explain` wrote to the log after `offset` bytes, by statement. */
export async function readPlans(log: string, offset: number): Promise<Map<string, Statement>> {
  const text = (await readFile(log)).subarray(offset).toString("utf8");
  const runs = new Map<string, { ms: number; plan: Node }[]>();
  for (const match of text.matchAll(/duration: ([\d.]+) ms {2}plan:\n((?:\t[^\n]*\n)+)/g)) {
    const explained = parsed(match[2] ?? "");
    if (!explained) continue;
    const key = explained["Query Text"].replace(/\s+/g, " ").trim();
    runs.set(key, [...(runs.get(key) ?? []), { ms: Number(match[1]), plan: explained.Plan }]);
  }
  return new Map([...runs].map(([key, found]) => [key, summary(key, found)]));
}

function parsed(lines: string): Explained | undefined {
  try {
    return JSON.parse(lines.replace(/^\t/gm, "")) as Explained;
  } catch {
    return undefined;
  }
}

function summary(text: string, runs: readonly { ms: number; plan: Node }[]): Statement {
  const sorted = [...runs].sort((a, b) => a.ms - b.ms);
  const median = sorted[Math.floor(sorted.length / 2)];
  const nodes = runs.flatMap(({ plan }) => nodesOf(plan));
  return {
    text,
    calls: runs.length,
    ms: median?.ms ?? 0,
    buffers: (median?.plan["Shared Hit Blocks"] ?? 0) + (median?.plan["Shared Read Blocks"] ?? 0),
    scanned: new Set(nodes.flatMap((node) => (node["Node Type"] === "Seq Scan" ? (node["Relation Name"] ?? []) : []))),
    sorted: Math.max(
      0,
      ...nodes.filter((node) => /Sort$/.test(node["Node Type"])).map((node) => node["Actual Rows"] ?? 0),
    ),
  };
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
