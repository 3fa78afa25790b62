import type { Text, Times } from "../subject.ts";

/** A request of the driver to the process with bare Baileys. */
export type Request =
  | { name: "link"; account: number }
  | { name: "flood"; texts: Text[]; callers: number }
  /** Returns the times of the texts that were sent since the last request for times. */
  | { name: "times" }
  | { name: "reportImmediately"; immediately: boolean }
  | { name: "save"; file: string }
  | { name: "load"; file: string };

export type Incoming = ({ id: number } & Request) | { send: Text };

export type TimesByText = [text: string, times: Times][];

/** A message of that process to the driver. */
export type Outgoing =
  | { ready: true }
  | { answer: number; value?: unknown; error?: string }
  | { qr: string; account: number }
  | { arrived: [text: string, at: number][] }
  | { problem: string };
