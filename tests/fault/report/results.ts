import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../results/", import.meta.url));

/**
 * A file with a JSON line for each result. A series that was stopped continues after its last line. The files are in
 * git, so that a series can continue on another machine.
 */
export class Results<Result> {
  readonly path: string;

  constructor(name: string) {
    this.path = `${folder}${name}.jsonl`;
  }

  all(): Result[] {
    if (!existsSync(this.path)) return [];
    const lines = readFileSync(this.path, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line) as Result);
  }

  add(result: Result): void {
    mkdirSync(dirname(this.path), { recursive: true });
    appendFileSync(this.path, `${JSON.stringify(result)}\n`);
  }
}

/** Returns the short id of the current commit. */
export function commit(): string {
  return execFileSync("git", ["rev-parse", "--short=10", "HEAD"], { cwd: import.meta.dirname })
    .toString()
    .trim();
}
