import type { WorkerReply } from "./worker-pool.ts";

/** Runs the jobs that a `WorkerPool` sends to this process, until the pool's process ends. */
export function serveJobs<Job, Result>(run: (job: Job) => Result | Promise<Result>): void {
  const send = (message: WorkerReply<Result> | "loaded") => process.send?.(message);
  process.on("message", async (job: Job) => {
    try {
      send({ result: await run(job) });
    } catch (error) {
      const code = error instanceof Error && "code" in error ? { code: String(error.code) } : {};
      send({ error: error instanceof Error ? error.message : String(error), ...code });
    }
  });
  process.once("disconnect", () => process.exit(0));
  send("loaded");
}
