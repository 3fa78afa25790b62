import { readNumberOptions } from "../../support/number-options.ts";
import { type Path, pathOf, paths } from "../suite/path.ts";

export interface CrashOptions {
  /** Ends after this many crash points in this run. */
  most: number;
  /** Only every n-th crash point, beginning with the `seed`-th. */
  every: number;
  seed: number;
  load: number;
  path: Path;
  /** Only crash points whose process and place match. */
  only: RegExp;
  reportOnly: boolean;
}

const defaults = { most: 100_000, every: 1, seed: 0, load: 1 };

export const help = `Stops the processes of the gateway at every await that a scenario reaches, one after another.
Each crash point is added to tests/fault/results/crash-points.jsonl, and a crash point that is there for the current commit isn't
repeated, so you can stop the program at any time. At the end, writes docs/operations/reliability.md.

  --most N    ends after this many crash points (default: all)
  --every N   only every n-th crash point (default ${defaults.every})
  --seed N    with --every: which of them (default ${defaults.seed})
  --load N    factor for all time limits, for a slow or busy machine (default ${defaults.load})
  --path P    ${paths.join(" or ")}: how commands get from the API to the session host (default queue)
  --only R    only crash points that match this regular expression, for example "host-0 core/db/"
  --report    stops nothing and writes the report`;

/** Reads the command line. Returns undefined if it asks for help. */
export function readOptions(args: string[]): CrashOptions | undefined {
  const read = readNumberOptions(args, defaults, { hasReport: true, texts: { path: "queue", only: "" } });
  if (!read) return undefined;
  const { path, only } = read.texts;
  return { ...read.numbers, path: pathOf(path), only: new RegExp(only), reportOnly: read.report };
}
