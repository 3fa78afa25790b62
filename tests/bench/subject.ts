import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Phone } from "../../simulator/index.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Probes } from "./part/probes.ts";
import type { Memory } from "./probe.ts";

export const subjects = ["bare", "gateway"] as const;
export type SubjectName = (typeof subjects)[number];

export interface Text {
  /** Number of the account that sends or receives it, in the order of linking. */
  account: number;
  /** The other side's phone number. */
  peer: string;
  text: string;
}

/** When a text was asked for and when the subject said that it has it. Milliseconds of `now()`. */
export interface Times {
  startedAt: number;
  answeredAt: number;
}

/** CPU seconds so far, by part: `process` is what is measured, the rest is what it needs besides. */
export type Cpu = { process: number; postgres?: number };

/** Something that sends and receives texts, in a process of its own. */
export interface Subject {
  readonly name: SubjectName;
  readonly probes: Probes;
  /** Where texts appear that come in. */
  readonly arrivals: Arrivals;
  /** What went wrong, up to now. */
  readonly problems: string[];
  /** Links the next account to this phone; resolves when it is connected. */
  link(phone: Phone): Promise<void>;
  /**
   * Sends all texts by so many callers. Each goes on with its next text when this one was answered and, if `arrived` is given,
   * when that has resolved. Answers the times of each text that was taken.
   */
  sendAll(
    texts: readonly Text[],
    callers: number,
    arrived?: (text: string) => Promise<void>,
  ): Promise<Map<string, Times>>;
  /** Whether texts that come in are told at once, or in bulk: that is cheaper for the one who tells. */
  tellAtOnce(atOnce: boolean): Promise<void>;
  /** Resolves when the subject has nothing more to do for texts that were sent or received. Answers when that was. */
  settled(direction: "out" | "in", count: number): Promise<number>;
  cpu(): Promise<Cpu>;
  memory(): Promise<Memory[]>;
  /** Ends the process and starts another with the same accounts; resolves when all are connected again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A child process with a probe inside; its output goes to `<folder>/<name>.log`. */
export function startChild(
  name: string,
  module: string,
  folder: string,
  argument: unknown,
): { child: ChildProcess; probes: string } {
  const probes = join(folder, `${name}-probes`);
  mkdirSync(probes, { recursive: true });
  const log = openSync(join(folder, `${name}.log`), "a");
  const child = fork(module, [JSON.stringify(argument)], {
    execArgv: ["--import", probeModule],
    env: { ...process.env, BENCH_PROBES: probes },
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  return { child, probes };
}

export const probeModule = fileURLToPath(new URL("./probe.ts", import.meta.url));

/** What a child says first. Throws when it ends without a word; its log says why. */
export async function firstWord<Message>(child: ChildProcess): Promise<Message> {
  const ended = once(child, "exit").then(([code, signal]) => {
    throw new Error(`a process under test ended: ${signal ?? code}; see its log`);
  });
  ended.catch(() => undefined);
  const [message] = (await Promise.race([once(child, "message"), ended])) as [Message];
  return message;
}

/** Asks a child to end and waits for it. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.disconnect();
  await ended;
}

/** Runs `work` on all items, so many at a time. */
export async function inLanes<Item>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: Math.min(lanes, items.length) }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}
