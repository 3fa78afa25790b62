import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Config } from "../../core/config.ts";
import type { Logger } from "../../core/log.ts";
import { startHost } from "../../session-host/host/start.ts";

/** `inside` this process, in a `child` of its own, or `none`. */
export type HostMode = "inside" | "child" | "none";

export interface HostProcess {
  /** As SIGTERM would: finishes, flushes, hands over. */
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

/** What a container service does: a host that dies is started again after this. Milliseconds. */
const respawnMs = 1000;

function supervise(env: Record<string, string>, log: Logger): HostProcess {
  let stopping = false;
  let child = spawnHost(env);
  let respawn: NodeJS.Timeout | undefined;
  const watch = () => {
    child.once("exit", (code, signal) => {
      if (stopping) return;
      log.error({ code, signal }, "the session host died and is started again");
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

/** Starts the session host as a container would: its own process, all from the environment. It ends with this one. */
export function spawnHost(env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

/** Ends a host as a container service does, or as a crash, unless it has ended or never begun. Answers its exit code: null if a signal ended it. */
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
