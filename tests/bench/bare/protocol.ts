import type { Text, Times } from "../subject.ts";

/** What the driver asks of the process with bare Baileys. */
export type Request =
  | { ask: "link"; account: number }
  | { ask: "flood"; texts: Text[]; callers: number }
  /** The times of the texts that `send` has begun since the last time. */
  | { ask: "times" }
  | { ask: "tellAtOnce"; atOnce: boolean }
  | { ask: "save"; file: string }
  | { ask: "load"; file: string };

export type Incoming = ({ id: number } & Request) | { send: Text };

export type TimesByText = [text: string, times: Times][];

/** What that process tells. */
export type Outgoing =
  | { ready: true }
  | { answer: number; value?: unknown; error?: string }
  | { qr: string; account: number }
  | { arrived: [text: string, at: number][] }
  | { problem: string };
