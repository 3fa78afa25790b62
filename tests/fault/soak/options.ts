import { readNumberOptions } from "../../support/number-options.ts";

export interface SoakOptions {
  instances: number;
  minutes: number;
  /** Messages a second, in both directions together. */
  perSecond: number;
  everySeconds: number;
  /** Factor for the time limits of the checker. */
  load: number;
}

const defaults: SoakOptions = { instances: 200, minutes: 30, perSecond: 10, everySeconds: 20, load: 1 };

export const help = `Runs the gateway with many instances and constant traffic, and checks that its processes don't grow.
Adds the samples to tests/fault/results/soak.jsonl, and writes docs/operations/reliability.md.

  --instances N     instances (default ${defaults.instances})
  --minutes N       length of the traffic (default ${defaults.minutes})
  --perSecond N     messages a second, in both directions together (default ${defaults.perSecond})
  --everySeconds N  pause between two samples (default ${defaults.everySeconds})
  --load N          factor for the time limits of messages (default ${defaults.load})`;

/** Reads the command line. Returns undefined if it asks for help. */
export function readOptions(args: string[]): SoakOptions | undefined {
  return readNumberOptions(args, { ...defaults })?.numbers;
}
