import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Config } from "../../core/config.ts";
import type { Logger } from "../../core/log.ts";
import { startHost } from "../../session-host/host/start.ts";

/** Where the session host runs: `inside` this process, in a `child` process, or `none`. */
export type HostMode = "inside" | "child" | "none";

export interface HostProcess {
  /** Stops the host as SIGTERM does: the host finishes its work and releases its shards. */
  stop(): Promise<void>;
}

const main = fileURLToPath(new URL("../../session-host/main.ts", import.meta.url));

export async function startHostProcess(
  mode: HostMode,
  config: Config,
  env: Record<string, string>,
  log: Logger,
): Promise<HostProcess> {
  if (mode === "none") return { stop: async () => undefined };
  if (mode === "inside") return await startHost(config, log.child({ part: "session-host" }));
  return supervise(env, log);
}

/** Delay before a host that exited is started again, in milliseconds. */
const respawnMs = 1000;

function supervise(env: Record<string, string>, log: Logger): HostProcess {
  let stopping = false;
  let child = spawnHost(env);
  let respawn: NodeJS.Timeout | undefined;
  const watch = () => {
    child.once("exit", (code, signal) => {
      if (stopping) return;
      log.error({ code, signal }, "the session host exited; restarting it");
      respawn = setTimeout(() => {
        child = spawnHost(env);
        watch();
      }, respawnMs);
    });
  };
  watch();
  return {
    stop: async () => {
      stopping = true;
      clearTimeout(respawn);
      await endHost(child);
    },
  };
}

/**
 * Limits the space for young objects to 8 MiB for each half, where Node takes up to 64 on a large machine. Short-lived
 * buffers keep their memory, outside of the heap, until the space is full, and the C library keeps most of it after that.
 * All ways to start the gateway have these flags.
 */
export const nodeFlags = ["--max-semi-space-size=8"];

/**
 * Starts the session host in a child process that gets only `PATH` and `env`, as in a container. The child ends with this
 * process.
 */
export function spawnHost(env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [...nodeFlags, main], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

/**
 * Ends the host process with a signal and waits for it. Returns its exit code, or null if a signal ended it or there is no
 * host.
 */
export async function endHost(
  host: ChildProcess | undefined,
  signal: "SIGTERM" | "SIGKILL" = "SIGTERM",
): Promise<number | null> {
  if (!host) return null;
  if (host.exitCode === null && host.signalCode === null) {
    const ended = once(host, "exit");
    host.kill(signal);
    await ended;
  }
  return host.exitCode;
}
