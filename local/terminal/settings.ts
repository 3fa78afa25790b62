import { createServer } from "node:net";
import { type Config, readConfig } from "../../core/config.ts";
import type { HostMode } from "../gateway/host-process.ts";

/** Whether the session host runs `inside` this process or as a `child`. Throws `ConfigError`. */
export function hostMode(env: Record<string, string | undefined>): HostMode {
  return readConfig(env).SESSION_HOST;
}

/** Throws an error with a remedy if the port can't be used. Checked early, before the database starts. */
export async function requirePort({ PORT, HOST }: Pick<Config, "PORT" | "HOST">, command: string): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(PORT, HOST, resolve);
    });
    await new Promise<void>((resolve) => server.close(() => resolve()));
  } catch (error) {
    throw new Error(`${reasonOf(error, PORT, HOST)} Choose another: PORT=${PORT + 1} ${command}`, { cause: error });
  }
}

function reasonOf(error: unknown, port: number, host: string): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return `Port ${port} on ${host} is used by another program.`;
  if (code === "EACCES") return `This user has no permission for port ${port} on ${host}.`;
  return `Cannot listen on port ${port} of ${host} (${error instanceof Error ? error.message : error}).`;
}
