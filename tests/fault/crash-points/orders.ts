import { once } from "node:events";
import type { Child } from "../suite/process/child.ts";
import type { Order } from "./hook.ts";

export function order({ process }: Child, order: Order): void {
  process.send(order);
}

/** Returns the crash points that a process has reached since the order to record them, or undefined if it has ended. */
export async function reachedBy(child: Child): Promise<string[] | undefined> {
  const { promise, resolve } = Promise.withResolvers<string[] | undefined>();
  const onMessage = (message: { reached?: string[] }) => {
    if (message.reached) resolve(message.reached);
  };
  child.process.on("message", onMessage);
  const ended = new AbortController();
  once(child.process, "exit", { signal: ended.signal }).then(
    () => resolve(undefined),
    () => undefined,
  );
  if (!child.running) resolve(undefined);
  else child.process.send({ crashPoints: "report" } satisfies Order, (error) => error && resolve(undefined));
  const reached = await promise;
  child.process.off("message", onMessage);
  ended.abort();
  return reached;
}

/** Lets a process go on that has not reached its crash point. Returns false if it has reached it meanwhile. */
export async function disarm(child: Child): Promise<boolean> {
  if (!child.running) return false;
  order(child, { crashPoints: "stop", at: "" });
  return (await reachedBy(child)) !== undefined;
}
