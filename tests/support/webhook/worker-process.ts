import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { noServer, type QueueRecord, received, type World } from "./delivery-setup.ts";

/** The webhook function in a separate process, so that a test can kill or freeze it. */
export interface WorkerProcess {
  /** Sends SIGKILL and waits for the end of the process. */
  kill(): Promise<void>;
  /** Sends SIGSTOP: the process keeps its connections, but runs no code. */
  freeze(): void;
  /** Sends SIGCONT. */
  thaw(): void;
  /** Resolves with the exit code, or null after a signal. */
  ended: Promise<number | null>;
}

/** Starts the webhook function with one batch. */
export function startWorker(world: World, records: readonly QueueRecord[], env: Record<string, string> = {}) {
  for (const record of records) received(record);
  const child = spawn(process.execPath, [fileURLToPath(new URL("../../webhook/worker.ts", import.meta.url))], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: world.url,
      MASTER_KEY_FILE: world.masterKeyFile,
      EGRESS_ALLOW: "127.0.0.0/8",
      SQS_ENDPOINT: noServer,
      LOG_LEVEL: "silent",
      RECORDS: JSON.stringify(records),
      // Removes the flags that the test runner may need to load TypeScript.
      NODE_OPTIONS: "",
      ...env,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  onTestFinished(() => void child.kill("SIGKILL"));
  const worker: WorkerProcess = {
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    ended,
  };
  return worker;
}
