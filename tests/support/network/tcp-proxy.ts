import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy to a port of this machine. It simulates a network that can fail. */
export interface TcpProxy {
  port: number;
  /** Sets the port that new connections lead to. */
  target(port: number): void;
  /** Ends every connection and refuses new ones. */
  cut(): void;
  /** Ends every connection with RST instead of FIN, and goes on accepting new ones. */
  reset(): void;
  /** Listens again, on the same port. */
  restore(): Promise<void>;
  /** Holds answers back until the returned function is called. Only for proxies with a filter. */
  hold(): () => void;
  stop(): Promise<void>;
}

/** Watches one connection. */
export interface ConnectionFilter {
  onRequest(chunk: Buffer): void;
  /** Returns whether the chunk is passed on. The connection ends if the result is false. */
  passesAnswer(chunk: Buffer): boolean;
}

/** @param filterOf makes the filter of a new connection. */
export async function startTcpProxy(initialTarget = 0, filterOf?: () => ConnectionFilter): Promise<TcpProxy> {
  let target = initialTarget;
  const sockets = new Set<Socket>();
  let held: (() => void)[] | undefined;
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    if (filterOf) {
      const filter = filterOf();
      client.on("data", (chunk: Buffer) => {
        filter.onRequest(chunk);
        upstream.write(chunk);
      });
      upstream.on("data", (chunk: Buffer) => {
        const pass = () => void (filter.passesAnswer(chunk) ? client.write(chunk) : client.destroy());
        if (held) held.push(pass);
        else pass();
      });
    } else {
      client.pipe(upstream);
      upstream.pipe(client);
    }
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      // A cut socket emits an error before it closes; the close handler cleans up.
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    target: (next) => {
      target = next;
    },
    cut,
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    restore: () => listen(port),
    hold() {
      const waiting: (() => void)[] = [];
      held = waiting;
      return () => {
        held = undefined;
        for (const pass of waiting) pass();
      };
    },
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.once("close", resolve);
        cut();
      }),
  };
}
