import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

/** What the results depend on in addition to the options. */
export interface Environment {
  date: string;
  /** The Git commit, or `unknown` outside a checkout. Ends with `+` if there are uncommitted changes. */
  commit: string;
  /** The commit that is measured too, or `none`. */
  before: string;
  node: string;
  baileys: string;
  cpu: string;
  cores: number;
  memoryGiB: number;
  system: string;
  /** Load average of the minute before the run. */
  loadAverage: number;
}

export function readEnvironment(): Omit<Environment, "before"> {
  return {
    date: new Date().toISOString(),
    commit: commit(),
    node: process.version,
    baileys: versionOf("@whiskeysockets/baileys"),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
    loadAverage: loadavg()[0] ?? 0,
  };
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return git("rev-parse", "--short=12", "HEAD") + (git("status", "--porcelain") === "" ? "" : "+");
  } catch {
    return "unknown";
  }
}

function versionOf(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
