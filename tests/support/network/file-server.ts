import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** The server's response for a path. */
export interface ServedFile {
  body?: Buffer;
  type?: string;
  status?: number;
  location?: string;
  /** Whether the server takes the request and never responds. */
  hangs?: boolean;
}

export interface FileServer {
  url(path: string): string;
  /** The requested paths, in order. */
  requested: string[];
  stop(): Promise<void>;
}

/** Starts a web server for files that an instance sends. It responds with 404 to any other path. */
export async function startFileServer(files: Record<string, ServedFile>): Promise<FileServer> {
  const requested: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    requested.push(path);
    const { body = Buffer.alloc(0), type, status = 200, location, hangs } = files[path] ?? { status: 404 };
    if (hangs) return;
    response.writeHead(status, { ...(type ? { "content-type": type } : {}), ...(location ? { location } : {}) });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: (path) => `http://127.0.0.1:${port}${path}`,
    requested,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
