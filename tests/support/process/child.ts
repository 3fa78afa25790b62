import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export type Child = {
  pid: number;
  /** Returns the next line that the program prints, parsed as JSON. Throws if the program ends instead. */
  next(): Promise<unknown>;
  /** Sends SIGKILL and waits for the program's end. */
  kill(): Promise<void>;
};

/** Runs `source`, the text of a module, in a separate process, in the root of the project. */
export function startChild(source: string): Child {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    cwd: fileURLToPath(new URL("../../../", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const kill = () => end(child);
  onTestFinished(kill);
  return {
    pid: child.pid ?? 0,
    next: async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`the child ended (${child.exitCode ?? child.signalCode}) without another line`);
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
