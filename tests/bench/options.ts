import { parseArgs } from "node:util";
import type { HostMode } from "../../local/gateway/host-process.ts";

/** The size of a run. */
export interface Options {
  /** Texts per measurement under load. */
  texts: number;
  /** Texts per measurement with one caller. */
  low: number;
  /** Concurrent callers under load. */
  callers: number;
  /** How often each measurement is repeated. The subjects alternate. */
  rounds: number;
  /** Instances that send and receive. */
  accounts: number;
  /** Chats per instance. */
  chats: number;
  /** Numbers of idle instances at which memory is measured, in ascending order. */
  instances: number[];
  /** Milliseconds that a subject rests before its memory is measured, and for which its idle CPU is measured. */
  rest: number;
  /** Where the gateway's session host runs. */
  host: Exclude<HostMode, "none">;
  /** Shards of the gateway. */
  shards: number;
  /** The delay of each stanza between a session and WhatsApp, as `<least>-<most>` in milliseconds, or `none`. */
  latency: string;
  parts: Part[];
  /** Uses small numbers, for a check of the benchmark itself. */
  quick: boolean;
  /** Writes a CPU profile of each process under test for each measurement under load. */
  profile: boolean;
  /** Output folder of the results. */
  out: string;
  /** The root of a checkout of an earlier commit, whose gateway is measured too. */
  before: string | undefined;
}

export const parts = [
  "load",
  "memory",
  "start",
  "counts",
  "isolation",
  "restart",
  "history",
  "webhooks",
  "bulk",
  "documents",
] as const;
export type Part = (typeof parts)[number];

const load = { texts: "600", low: "100", callers: "64", rounds: "2", accounts: "4", chats: "4" };
const full = { ...load, instances: "1,50,200", rest: "2000" };
const quick = { ...load, texts: "100", low: "20", rounds: "1", accounts: "2", instances: "1,5", rest: "500" };

export const help = `npm run bench -- [options]
  --texts N          texts per measurement under load (${full.texts})
  --low N            texts per measurement with one caller (${full.low})
  --callers N        concurrent callers under load (${full.callers})
  --rounds N         repetitions of each measurement; the subjects alternate (${full.rounds})
  --accounts N       instances that send and receive (${full.accounts})
  --chats N          chats per instance (${full.chats})
  --instances A,B,C  numbers of idle instances (${full.instances})
  --rest MS          rest before memory is measured (${full.rest})
  --host MODE        session host of the gateway: inside (in its process) or child (inside)
  --shards N         shards of the gateway (4)
  --latency A-B      delay of each stanza in each direction, in milliseconds, for example 20-150 (none)
  --part NAME        ${parts.join(", ")}; can be repeated (all)
  --quick            use small numbers: under a minute
  --profile          write CPU profiles of the processes under test
  --before REF       also measure the gateway of this Git commit
  --runs N           repeat the whole benchmark, for the spread (1)
  --document         write the result to docs/reference/performance.md
  --out FOLDER       output folder (bench-results)`;

/** What the command line asks for. */
export interface Request {
  /** The options of each run. `before` is not set. */
  options: Options;
  /** The Git commit whose gateway is measured too. */
  before: string | undefined;
  runs: number;
  /** Whether to write the page of the documentation. */
  document: boolean;
}

/** Parses the command line. Returns undefined for `--help`. Throws an error with a message for the user. */
export function readOptions(argv: readonly string[]): Request | undefined {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...{
        texts: text,
        low: text,
        callers: text,
        rounds: text,
        accounts: text,
        chats: text,
        instances: text,
        rest: text,
      },
      ...{ host: { ...text, default: "inside" }, shards: { ...text, default: "4" } },
      latency: { ...text, default: "none" },
      ...{ part: { ...text, multiple: true }, out: { ...text, default: "bench-results" } },
      ...{ before: text, runs: { ...text, default: "1" } },
      ...{ quick: flag, profile: flag, document: flag, help: flag },
    },
  });
  if (values.help) return undefined;
  const { host, out, profile, part = [...parts] } = values;
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  const sizes = { ...(values.quick ? quick : full), ...given } as typeof full;
  if (host !== "inside" && host !== "child") throw new Error(`--host must be inside or child, not ${host}`);
  const wanted = parts.filter((name) => part.includes(name));
  if (wanted.length === 0 || part.some((name) => !wanted.includes(name as Part))) {
    throw new Error(`--part must be ${parts.join(" or ")}, not ${part.join(", ")}`);
  }
  latencyOf(values.latency);
  const options: Options = {
    texts: count("texts", sizes.texts),
    low: count("low", sizes.low),
    callers: count("callers", sizes.callers),
    rounds: count("rounds", sizes.rounds),
    accounts: count("accounts", sizes.accounts),
    chats: count("chats", sizes.chats),
    instances: sizes.instances
      .split(",")
      .map((one) => count("instances", one))
      .sort((a, b) => a - b),
    rest: count("rest", sizes.rest),
    shards: count("shards", values.shards),
    host,
    latency: values.latency,
    parts: wanted,
    quick: values.quick,
    profile,
    out,
    before: undefined,
  };
  return { options, before: values.before, runs: count("runs", values.runs), document: values.document };
}

/** Returns the delays that the option `latency` asks for, or null for none. Throws an error with a message for the user. */
export function latencyOf(text: string): { minMs: number; maxMs: number } | null {
  if (text === "none") return null;
  const [minMs, maxMs] = (/^(\d+)-(\d+)$/.exec(text) ?? []).slice(1).map(Number);
  if (minMs === undefined || maxMs === undefined || minMs > maxMs)
    throw new Error(`--latency must be none or two numbers such as 20-150, not ${text}`);
  return { minMs, maxMs };
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} must be a positive integer, not ${text}`);
}
