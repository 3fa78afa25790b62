import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Phone } from "../../simulator/index.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Probes } from "./part/probes.ts";
import type { Memory } from "./probe.ts";

/** `before` is the gateway of an earlier commit. */
export const subjects = ["bare", "before", "gateway"] as const;
export type SubjectName = (typeof subjects)[number];

export interface Text {
  /** Number of the account that sends or receives the text, in the order of linking. */
  account: number;
  /** The other side's phone number. */
  peer: string;
  text: string;
}

/** When a text was requested and when the subject accepted it, in milliseconds of `now()`. */
export interface Times {
  startedAt: number;
  answeredAt: number;
}

/** CPU seconds so far: `process` for the processes under test, `postgres` for their database. */
export type Cpu = { process: number; postgres?: number };

/** A program under test that sends and receives texts in a separate process. */
export interface Subject {
  readonly name: SubjectName;
  readonly probes: Probes;
  /** Records received texts. */
  readonly arrivals: Arrivals;
  /** Errors so far. */
  readonly problems: string[];
  /** Links the next account to this phone. Resolves when the account is connected. */
  link(phone: Phone): Promise<void>;
  /**
   * Sends all texts with `callers` callers. A caller continues with its next text after the response and, if `arrived` is
   * given, after that has resolved. Returns the times of each accepted text.
   */
  sendAll(
    texts: readonly Text[],
    callers: number,
    arrived?: (text: string) => Promise<void>,
  ): Promise<Map<string, Times>>;
  /** Sets whether received texts are reported immediately or in batches, which costs the subject less. */
  reportImmediately(immediately: boolean): Promise<void>;
  /** Waits until the subject has no more work for `count` texts. Returns the time when that was the case. */
  settled(direction: "out" | "in", count: number): Promise<number>;
  cpu(): Promise<Cpu>;
  memory(): Promise<Memory[]>;
  /**
   * Ends the process and starts another with the same accounts. With `profile`, the new process is profiled from its
   * start. Resolves when all accounts are connected again.
   */
  restart(options?: { profile?: boolean }): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a child process with a probe. Writes its output to `<folder>/<name>.log`. `flags` are for Node. With `profile`, the
 * child is profiled from its start.
 */
export function startChild(
  name: string,
  module: string,
  folder: string,
  argument: unknown,
  { flags = [], profile = false }: { flags?: readonly string[]; profile?: boolean | undefined } = {},
): { child: ChildProcess; probes: string } {
  const probes = join(folder, `${name}-probes`);
  mkdirSync(probes, { recursive: true });
  const log = openSync(join(folder, `${name}.log`), "a");
  const child = fork(module, [JSON.stringify(argument)], {
    execArgv: [...flags, "--import", probeModule],
    env: { ...process.env, BENCH_PROBES: probes, ...(profile ? { BENCH_PROFILE: "true" } : {}) },
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  return { child, probes };
}

export const probeModule = fileURLToPath(new URL("./probe.ts", import.meta.url));

/** Returns the first message of a child. Throws if the child ends without one. */
export async function firstMessage<Message>(child: ChildProcess): Promise<Message> {
  const ended = once(child, "exit").then(([code, signal]) => {
    throw new Error(`a process under test ended (${signal ?? code}): see its log`);
  });
  ended.catch(() => undefined);
  const [message] = (await Promise.race([once(child, "message"), ended])) as [Message];
  return message;
}

/** Ends a child by disconnecting it, and waits for its exit. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.disconnect();
  await ended;
}

/** Runs `work` on all items, at most `lanes` at a time. */
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
