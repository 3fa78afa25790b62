import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { isMissing } from "../data/private-file.ts";

const run = promisify(execFile);

/** A PostgreSQL server that runs on a data folder. */
export type Postmaster = { pid: number; port: number; ready: boolean };

/**
 * The server that runs on `data`, by the lock file it keeps there (lines: pid, data folder, start time, port, …, status).
 * After a crash the file may name a process that is gone, or a stranger that got the same id; PostgreSQL refuses to
 * start over the latter, so such a file is removed.
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

/** The command line of a process, empty when there is none of that id. */
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
    // ps answers 1 when no process has this id.
    if (error instanceof Error && "code" in error && error.code === 1) return "";
    throw error;
  }
}
