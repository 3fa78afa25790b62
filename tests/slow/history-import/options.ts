import { readNumberOptions } from "../../support/number-options.ts";

export interface ImportOptions {
  messages: number;
  chats: number;
  /** Messages a minute that arrive meanwhile. */
  perMinute: number;
  /** Seconds of the same traffic before the import, to compare with. */
  beforeSeconds: number;
  /** The most by which the memory of the host may grow during the import, in megabytes. */
  maxGrowth: number;
  /** The most that the 95th percentile of the time to a webhook may be, in milliseconds. */
  maxLate: number;
}

const defaults: ImportOptions = {
  messages: 20_000,
  chats: 200,
  perMinute: 200,
  beforeSeconds: 30,
  maxGrowth: 150,
  maxLate: 2_000,
};

export const help = `Imports a history while messages arrive, and checks that memory stays bounded and no message is late.

  --messages N       messages of the history (default ${defaults.messages})
  --chats N          chats of the history (default ${defaults.chats})
  --perMinute N      messages a minute that arrive meanwhile (default ${defaults.perMinute})
  --beforeSeconds N  seconds of the same traffic before the import, to compare with (default ${defaults.beforeSeconds})
  --maxGrowth N      limit for the growth of the host's memory, in megabytes (default ${defaults.maxGrowth})
  --maxLate N        limit for the 95th percentile of the time to a webhook, in milliseconds (default ${defaults.maxLate})`;

/** Reads the command line. Returns undefined if it asks for help. */
export function readOptions(args: string[]): ImportOptions | undefined {
  return readNumberOptions(args, { ...defaults })?.numbers;
}
