import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import type { Memory, Residence, Usage } from "../probe.ts";
import { sum } from "../result/statistics.ts";

/** Queries the probes of all processes of a subject in parallel. */
export class Probes {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  usage(): Promise<Usage[]> {
    return this.#query("/usage");
  }

  memory(): Promise<Memory[]> {
    return this.#query("/memory");
  }

  residence(): Promise<Residence[]> {
    return this.#query("/residence");
  }

  async startProfile(): Promise<void> {
    await this.#query("/profile/start");
  }

  /** Writes `<prefix>-<pid>.cpuprofile` for each process. */
  async stopProfile(prefix: string): Promise<void> {
    await this.#query("/profile/stop", prefix);
  }

  async #query<Answer>(path: string, prefix?: string): Promise<Answer[]> {
    const sockets = readdirSync(this.#folder).filter((name) => name.endsWith(".sock"));
    const alive = sockets.filter((name) => isAlive(Number.parseInt(name, 10)));
    return await Promise.all(
      alive.map((name) => {
        const file = prefix && `?file=${encodeURIComponent(`${prefix}-${name.replace(".sock", ".cpuprofile")}`)}`;
        return get<Answer>(join(this.#folder, name), path + (file ?? ""));
      }),
    );
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function get<Answer>(socketPath: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // The probe could close a kept connection just when it is used again.
    const query = request({ socketPath, path, agent: false }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      if (response.statusCode === 200) resolve(JSON.parse(text) as Answer);
      else reject(new Error(`the probe at ${socketPath} failed: ${text}`));
    });
    query.on("error", reject).end();
  });
}

/** Returns the CPU seconds of a process and its children, ended ones included, or null on a system without `/proc`. */
export function treeCpuSeconds(root: number): number | null {
  try {
    const all = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
    const stats = all.flatMap((pid) => readStat(pid) ?? []);
    return sum(stats.filter(({ pid, parent }) => pid === root || parent === root).map(({ seconds }) => seconds));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Parses proc_pid_stat(5). Returns undefined if the process has just ended. */
function readStat(pid: string): { pid: number; parent: number; seconds: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The program name in parentheses can contain any characters.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = sum([11, 12, 13, 14].map((index) => Number(fields[index])));
    return { pid: Number(pid), parent: Number(fields[1]), seconds: ticks / ticksPerSecond };
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
