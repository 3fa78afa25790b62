import { subscribe } from "node:diagnostics_channel";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type Profiler, Session } from "node:inspector/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** The CPU time that a process has used so far. */
export interface Usage {
  pid: number;
  /** For all threads, in user and system mode. */
  cpuSeconds: number;
  /** HTTP requests that the process has sent through `node:http`: calls of the AWS SDK, and webhooks. */
  httpRequests: number;
}
/** The memory that a process holds after garbage collection. Bytes. */
export interface Memory {
  pid: number;
  rss: number;
  heapUsed: number;
  /** Memory outside the heap, such as buffers. */
  external: number;
}

/** The program of a process, and the memory that it holds without prior garbage collection. Bytes. */
export interface Residence {
  pid: number;
  program: string;
  rss: number;
  /** The highest RSS so far. */
  peakRss: number;
}

/*
 * This module is loaded into each process under test before the process's own code (`--import`), whichever process started
 * it. It listens on a Unix socket that is named after the process id, in the folder BENCH_PROBES.
 */

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;
let profiling: Session | undefined;
let httpRequests = 0;
subscribe("http.client.request.start", () => {
  httpRequests++;
});

async function answer(path: string, file: string | null): Promise<unknown> {
  switch (path) {
    case "/usage": {
      const { user, system } = process.cpuUsage();
      return { pid: process.pid, cpuSeconds: (user + system) / 1e6, httpRequests } satisfies Usage;
    }
    case "/residence": {
      const peakRss = process.resourceUsage().maxRSS * 1024;
      const program = process.argv[1] ?? "";
      return { pid: process.pid, program, rss: process.memoryUsage.rss(), peakRss } satisfies Residence;
    }
    case "/memory": {
      // Collect several times, because freed memory is returned to the system with a delay.
      for (let turn = 0; turn < 4; turn++) {
        collect({ type: "major", execution: "sync", flavor: "last-resort" });
        await sleep(300);
      }
      const { rss, heapUsed, external } = process.memoryUsage();
      return { pid: process.pid, rss, heapUsed, external } satisfies Memory;
    }
    case "/profile/start":
      await startProfile();
      return {};
    case "/profile/stop": {
      if (!profiling) throw new Error("no profile was started");
      const { profile } = (await profiling.post("Profiler.stop")) as Profiler.StopReturnType;
      profiling.disconnect();
      if (file) writeFileSync(file, JSON.stringify(profile));
      return {};
    }
    default:
      throw new Error(`unknown path ${path}`);
  }
}

async function startProfile(): Promise<void> {
  profiling = new Session();
  profiling.connect();
  await profiling.post("Profiler.enable");
  await profiling.post("Profiler.start");
}

if (process.env.BENCH_PROFILE) await startProfile();
const folder = process.env.BENCH_PROBES;
if (folder) {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://probe");
    answer(url.pathname, url.searchParams.get("file")).then(
      (body) => response.end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(join(folder, `${process.pid}.sock`)).unref();
}
