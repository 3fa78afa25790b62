import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { isMissing } from "../data/exists.ts";

const run = promisify(execFile);

/** A running PostgreSQL server. */
export type Postmaster = { pid: number; port: number; ready: boolean };

/**
 * Returns the server that runs on `data`, from its lock file (lines: pid, data folder, start time, port, …, status). Returns
 * undefined if none runs. After a crash, the process id in the file can belong to no process or to another program. In the
 * latter case, PostgreSQL would refuse to start, so this function removes an outdated file.
 */
export async function readPostmaster(data: string): Promise<Postmaster | undefined> {
  const file = join(data, "postmaster.pid");
  let lines: string[];
  try {
    lines = (await readFile(file, "utf8")).split("\n");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (pid > 0 && (await commandLine(pid)).includes(data)) return { pid, port, ready: lines[7]?.trim() === "ready" };
  await rm(file, { force: true });
  return undefined;
}

/** Returns the command line of a process; empty if it does not exist. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === "linux") {
    try {
      return (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ");
    } catch (error) {
      if (isMissing(error) || (error instanceof Error && "code" in error && error.code === "ESRCH")) return "";
      throw error;
    }
  }
  try {
    return (await run("ps", ["-o", "command=", "-p", String(pid)])).stdout;
  } catch (error) {
    // ps exits with 1 if no process has this id.
    if (error instanceof Error && "code" in error && error.code === 1) return "";
    throw error;
  }
}
