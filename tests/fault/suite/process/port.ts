/** The messages between the driver of a run and its child processes. */
export interface Request {
  id: number;
  command: string;
  argument: unknown;
}
export type Reply = { ready: unknown } | { id: number; result: unknown } | { id: number; error: string };

/** Runs in a child process: tells the driver that the process is ready, and answers its requests. */
export function serveDriver(ready: unknown, commands: Record<string, (argument: never) => unknown> = {}): void {
  // Without the driver, the process has no work.
  process.once("disconnect", () => process.exit(1));
  process.on("message", async ({ id, command, argument }: Request) => {
    try {
      const run = commands[command];
      if (!run) throw new Error(`unknown command ${command}`);
      process.send?.({ id, result: (await run(argument as never)) ?? null } satisfies Reply);
    } catch (error) {
      process.send?.({ id, error: String(error) } satisfies Reply);
    }
  });
  process.send?.({ ready } satisfies Reply);
}
