import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Options } from "./options.ts";
import type { Report, Result } from "./result/result.ts";

const driver = fileURLToPath(new URL("./driver.ts", import.meta.url));

/** Runs the benchmark in a driver process. Rejects if the driver ends without a result. */
export function runDriver(
  options: Options,
  progress: (text: string) => void,
): Promise<Omit<Result, "environment" | "options">> {
  const child = fork(driver, [JSON.stringify(options)]);
  const start = performance.now();
  return new Promise((resolve, reject) => {
    child.on("message", (report: Report) => {
      if ("result" in report) resolve(report.result);
      else progress(`${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${report.progress}`);
    });
    child.once("exit", (code, signal) => reject(new Error(`the driver ended without a result (${signal ?? code})`)));
  });
}
