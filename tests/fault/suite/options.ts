import { readNumberOptions } from "../../support/number-options.ts";
import { type Path, pathOf, paths } from "./path.ts";

export interface SuiteOptions {
  /** The first seed and the number of runs. */
  first: number;
  runs: number;
  messages: number;
  instances: number;
  faults: number;
  load: number;
  path: Path;
  /** Only writes the report of the runs so far. */
  reportOnly: boolean;
}

const defaults = { first: 1, runs: 100, messages: 10_000, instances: 4, faults: 14, load: 1 };

export const help = `Runs the fault suite: one run for each seed. Each run is added to tests/fault/results/runs.jsonl, and a run that is there
already isn't repeated, so you can stop the suite at any time. At the end, writes docs/operations/reliability.md.

  --first N      the first seed (default ${defaults.first})
  --runs N       number of runs (default ${defaults.runs})
  --messages N   messages in each run, in both directions together (default ${defaults.messages})
  --instances N  instances in each run (default ${defaults.instances})
  --faults N     faults in each run (default ${defaults.faults})
  --load N       factor for all time limits, for a slow or busy machine (default ${defaults.load})
  --path P       ${paths.join(" or ")}: how commands get from the API to the session host (default queue)
  --report       runs nothing and writes the report`;

/** Reads the command line. Returns undefined if it asks for help. */
export function readOptions(args: string[]): SuiteOptions | undefined {
  const read = readNumberOptions(args, defaults, { hasReport: true, texts: { path: "queue" } });
  return read && { ...read.numbers, path: pathOf(read.texts.path), reportOnly: read.report };
}
