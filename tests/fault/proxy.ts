import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP way to a port of this machine that can be cut. */
export interface Way {
  port: number;
  /** Ends every connection and refuses new ones. */
  cut(): void;
  /** Listens again, at the same port. */
  restore(): Promise<void>;
  stop(): Promise<void>;
}

export async function startProxy(target: number): Promise<Way> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, cut, restore: () => listen(port), stop: async () => cut() };
}
