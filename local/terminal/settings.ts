import { createServer } from "node:net";
import { type Config, readConfig } from "../../core/config.ts";
import type { HostMode } from "../gateway/host-process.ts";

/** Whether the session host runs `inside` this process or as a `child`. Throws `ConfigError`. */
export function hostMode(env: Record<string, string | undefined>): HostMode {
  return readConfig(env).SESSION_HOST;
}

/**
 * Throws an error that suggests another port if the configured port can't be used. Call it before the slow start of the
 * database.
 */
export async function assertPortUsable({ PORT, HOST }: Pick<Config, "PORT" | "HOST">, command: string): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(PORT, HOST, resolve);
    });
    await new Promise<void>((resolve) => server.close(() => resolve()));
  } catch (error) {
    throw new Error(`${problemOf(error, PORT, HOST)} Choose another: PORT=${PORT + 1} ${command}`, { cause: error });
  }
}

function problemOf(error: unknown, port: number, host: string): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return `Port ${port} on ${host} is used by another program.`;
  if (code === "EACCES") return `This user has no permission for port ${port} on ${host}.`;
  return `Cannot listen on port ${port} of ${host} (${error instanceof Error ? error.message : error}).`;
}
