import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";

export interface Line {
  port: number;
  /** Where it leads from now on. */
  lead(port: number): void;
  /** Cuts what is open, and lets nobody through until `up`. */
  down(): void;
  up(): void;
  /** Connections that were tried. */
  readonly tries: number;
  stop(): Promise<void>;
}

/** The network between the session host and WhatsApp, which can fail. */
export async function startLine(): Promise<Line> {
  const open = new Set<Socket>();
  let target = 0;
  let works = true;
  let tries = 0;
  const server = createServer((near) => {
    tries++;
    if (!works) {
      near.destroy();
      return;
    }
    const far = connect(target, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.pipe(to);
      // A socket that is cut reports it as an error; its closing is what counts.
      from.on("error", () => to.destroy());
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    lead: (port) => {
      target = port;
    },
    down() {
      works = false;
      for (const socket of open) socket.destroy();
    },
    up: () => {
      works = true;
    },
    get tries() {
      return tries;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
