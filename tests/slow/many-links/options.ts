import { readNumberOptions } from "../../support/number-options.ts";

export interface LinkOptions {
  instances: number;
  /** Messages and chats of the history of each instance. */
  messages: number;
  chats: number;
  /** How many phones scan a QR code at the same time. */
  scans: number;
  /** The most handshakes with WhatsApp that may run at the same time. */
  maxHandshakes: number;
  /** Time limit of each phase, in minutes. */
  minutes: number;
}

const defaults: LinkOptions = {
  instances: 500,
  messages: 100,
  chats: 10,
  scans: 8,
  maxHandshakes: 8,
  minutes: 30,
};

export const help = `Links many instances on one host, which receive their history. Then WhatsApp refuses the client version, and all
reconnect. Prints memory, CPU time and duration of each phase, and checks that there is no storm of logins.

  --instances N      instances on the host (default ${defaults.instances})
  --messages N       messages in the history of each instance (default ${defaults.messages})
  --chats N          chats in the history of each instance (default ${defaults.chats})
  --scans N          phones that scan a QR code at the same time (default ${defaults.scans})
  --maxHandshakes N  limit for the handshakes at the same time (default ${defaults.maxHandshakes})
  --minutes N        time limit of each phase, in minutes (default ${defaults.minutes})`;

/** Reads the command line. Returns undefined if it asks for help. */
export function readOptions(args: string[]): LinkOptions | undefined {
  return readNumberOptions(args, { ...defaults })?.numbers;
}
