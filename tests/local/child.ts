import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

export type Child = {
  pid: number;
  /** The next line the program prints, parsed as JSON. Throws when it ends instead. */
  next(): Promise<unknown>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
};

/** Runs a program of the project's own, given as source text of a module, in a process of its own. */
export function startChild(source: string): Child {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const kill = () => end(child);
  onTestFinished(kill);
  return {
    pid: child.pid ?? 0,
    next: async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`The child ended with ${child.exitCode ?? child.signalCode} and printed nothing more.`);
      return JSON.parse(value);
    },
    kill,
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
