import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What a process holds. Bytes and counts. */
export interface Sample {
  rss: number;
  /** V8's heap after a full garbage collection. */
  heap: number;
  /** Memory outside the heap, such as buffers. */
  external: number;
  /** Open file descriptors, sockets included. */
  descriptors: number;
  sockets: number;
  timers: number;
  /** Everything that keeps the event loop alive. */
  handles: number;
}

/*
 * This module is loaded into each process before the process's own code (`--import`). It listens on a Unix socket that is
 * named after the process id, in the folder SOAK_PROBES.
 */

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function sample(): Sample {
  collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  return {
    rss,
    heap: heapUsed,
    external,
    descriptors: readdirSync("/proc/self/fd").length,
    sockets: resources.filter((name) => /TCP|TLS|Pipe/.test(name)).length,
    timers: resources.filter((name) => name === "Timeout").length,
    handles: resources.length,
  };
}

const folder = process.env.SOAK_PROBES;
if (folder) {
  const server = createServer((_request, response) => void response.end(JSON.stringify(sample())));
  server.keepAliveTimeout = 1;
  server.listen(join(folder, `${process.pid}.sock`)).unref();
}
