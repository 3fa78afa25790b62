import type { Server } from "node:http";
import type { Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";

/**
 * Listens on the loopback interface. Resolves with the port.
 * @param port 0 means any free port
 */
export async function listenOnLoopback(server: Server | SecureServer, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Closes the server and its open connections. */
export function closeServer(server: Server | SecureServer): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
