import { parseArgs } from "node:util";
import type { HostMode } from "../../local/gateway/host-process.ts";

/** The size of a run. */
export interface Options {
  /** Texts of each measure under load, in each round. */
  texts: number;
  /** Texts of each measure with one caller, in each round. */
  low: number;
  /** Callers at once, of the measures under load. */
  callers: number;
  /** How often each measure is taken of each subject, in turn. */
  rounds: number;
  /** Instances that send and receive. */
  accounts: number;
  /** Chats of each of them. */
  chats: number;
  /** Numbers of idle instances whose memory is measured, growing. */
  instances: number[];
  /** How long a subject rests before its memory is looked at, and how long it is watched idling. Milliseconds. */
  rest: number;
  /** Where the session host of the gateway lives. */
  host: Exclude<HostMode, "none">;
  /** Buckets of instances. */
  shards: number;
  parts: Part[];
  /** Small numbers, to see whether it works. */
  quick: boolean;
  /** Writes a CPU profile of each process under test for each measure under load. */
  profile: boolean;
  /** Folder of the results. */
  out: string;
}

export const parts = ["load", "memory", "history", "webhooks", "bulk", "documents"] as const;
export type Part = (typeof parts)[number];

const load = { texts: "600", low: "100", callers: "64", rounds: "2", accounts: "4", chats: "4" };
const full = { ...load, instances: "1,50,200", rest: "2000" };
const quick = { ...load, texts: "100", low: "20", rounds: "1", accounts: "2", instances: "1,5", rest: "500" };

export const help = `npm run bench -- [options]
  --texts N          texts of each measure under load and round (${full.texts})
  --low N            texts of each measure with one caller and round (${full.low})
  --callers N        callers at once under load (${full.callers})
  --rounds N         rounds, in which the two take turns (${full.rounds})
  --accounts N       instances that send and receive (${full.accounts})
  --chats N          chats of each of them (${full.chats})
  --instances A,B,C  numbers of idle instances (${full.instances})
  --rest MS          rest before memory is looked at (${full.rest})
  --host MODE        the gateway's session host: inside (one process for all) or child (inside)
  --shards N         shards of the gateway (4)
  --part NAME        ${parts.join(", ")}; may be given several times (all)
  --quick            small numbers: under a minute
  --profile          write CPU profiles of the processes under test
  --out FOLDER       where the results go (bench-results)`;

/** Reads the command line. Throws with a message for the person who typed it; answers undefined when help is wanted. */
export function readOptions(argv: readonly string[]): Options | undefined {
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
      ...{ part: { ...text, multiple: true }, out: { ...text, default: "bench-results" } },
      ...{ quick: flag, profile: flag, help: flag },
    },
  });
  if (values.help) return undefined;
  const { host, out, profile, part = [...parts] } = values;
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  const sizes = { ...(values.quick ? quick : full), ...given } as typeof full;
  if (host !== "inside" && host !== "child") throw new Error(`--host is inside or child, not ${host}`);
  const wanted = parts.filter((name) => part.includes(name));
  if (wanted.length === 0 || part.some((name) => !wanted.includes(name as Part))) {
    throw new Error(`--part is ${parts.join(" or ")}, not ${part.join(", ")}`);
  }
  return {
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
    parts: wanted,
    quick: values.quick,
    profile,
    out,
  };
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} takes positive whole numbers, not ${text}`);
}
