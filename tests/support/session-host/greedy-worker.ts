import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveJobs } from "../../../session-host/concurrency/serve-jobs.ts";

/** A job for a worker of a `WorkerPool` that can exceed each limit. */
export interface GreedyJob {
  what: keyof typeof work;
}

const work = {
  echo: () => "echo",
  pid: () => process.pid,
  throw: () => {
    throw new Error("thrown");
  },
  missing: () => {
    throw Object.assign(new Error("not there"), { code: "ENOENT" });
  },
  spin: () => {
    for (;;);
  },
  backtrack: () => /^(a|a)*$/.test(`${"a".repeat(60)}b`),
  heap: () => {
    for (const kept: number[][] = []; ; ) kept.push(new Array(1000).fill(kept.length));
  },
  buffers: () => {
    for (const kept: Buffer[] = []; ; ) kept.push(Buffer.alloc(1024 * 1024, 1));
  },
  exit: () => process.exit(0),
  write: () => writeFileSync(join(tmpdir(), "written-by-worker"), ""),
  env: () => Object.keys(process.env).filter((name) => !name.startsWith("NODE_CHANNEL")),
};

serveJobs(({ what }: GreedyJob): unknown => work[what]());
