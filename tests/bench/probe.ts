import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type Profiler, Session } from "node:inspector/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What a process has used so far, and holds now. */
export interface Usage {
  pid: number;
  /** Of all its threads, in user and system mode. */
  cpuSeconds: number;
}
export interface Memory {
  pid: number;
  /** Bytes, all of them. */
  rss: number;
  heapUsed: number;
  /** Buffers and the like, outside the heap. */
  external: number;
}

/** Which program of a subject it is, and what it holds without being asked to clean up first. Bytes. */
export interface Residence {
  pid: number;
  program: string;
  rss: number;
  /** The most that it ever held. */
  peakRss: number;
}

/*
 * Loaded into each process under test before its own code (`--import`), so that it can be asked how it fares, whoever
 * started it. Listens on a Unix socket named after the process id in the folder of BENCH_PROBES.
 */

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;
let profiling: Session | undefined;

async function answer(path: string, file: string | null): Promise<unknown> {
  switch (path) {
    case "/usage": {
      const { user, system } = process.cpuUsage();
      return { pid: process.pid, cpuSeconds: (user + system) / 1e6 } satisfies Usage;
    }
    case "/residence": {
      const peakRss = process.resourceUsage().maxRSS * 1024;
      const program = process.argv[1] ?? "";
      return { pid: process.pid, program, rss: process.memoryUsage.rss(), peakRss } satisfies Residence;
    }
    case "/memory": {
      // Several times, as what a collection lets go is given back to the system a little later.
      for (let turn = 0; turn < 4; turn++) {
        collect({ type: "major", execution: "sync", flavor: "last-resort" });
        await sleep(300);
      }
      const { rss, heapUsed, external } = process.memoryUsage();
      return { pid: process.pid, rss, heapUsed, external } satisfies Memory;
    }
    case "/profile/start": {
      profiling = new Session();
      profiling.connect();
      await profiling.post("Profiler.enable");
      await profiling.post("Profiler.start");
      return {};
    }
    case "/profile/stop": {
      if (!profiling) throw new Error("no profile was begun");
      const { profile } = (await profiling.post("Profiler.stop")) as Profiler.StopReturnType;
      profiling.disconnect();
      if (file) writeFileSync(file, JSON.stringify(profile));
      return {};
    }
    default:
      throw new Error(`nothing answers ${path}`);
  }
}

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
