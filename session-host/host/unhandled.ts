import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import { currentInstance } from "../concurrency/instance-context.ts";

export interface UnhandledOptions {
  log: Pick<Logger, "error" | "fatal">;
  /** Closes the connection of an instance because of an error, and lets it reconnect. */
  interrupt: (instanceId: string) => void;
  /** Ends the process. */
  exit: () => void;
}

/** How many exceptions a minute that belong to no instance the host survives. */
const maxUnnamed = 3;
const windowMs = 60_000;

/**
 * Decides what happens after an error that nothing handles, so that an error in one account never ends the process:
 *
 * - A rejected promise stops only the async function that it belongs to. It is logged and counted, and the connection
 *   stays open. Baileys runs some of its listeners as async functions without a `catch` (7.0.0-rc14,
 *   `Socket/messages-recv.js`, `Socket/chats.js`). WhatsApp sends a stanza that makes one of them throw again at each
 *   login, so closing the connection would take the account down.
 * - An exception interrupts other code: the listeners after the one that threw don't run, and a parser stops in the middle
 *   of its input. The connection of the instance is closed and opened again after a growing delay. What must be durable
 *   never depends on memory.
 * - An exception that belongs to no instance comes from code of the host. A few may be errors of a library's timer or
 *   socket. If there are more than `maxUnnamed` in a minute, the state of the host is unknown, and the process ends. The
 *   supervisor starts another one, which continues from the database.
 *
 * Returns a function that ends this.
 */
export function surviveErrors({ log, interrupt, exit }: UnhandledOptions): () => void {
  let unnamed: number[] = [];
  const onRejection = (error: unknown) => {
    count("UnhandledErrors");
    const instanceId = currentInstance();
    log.error({ err: error, instanceId }, "a rejected promise was not handled; the host continues");
  };
  const onException = (error: unknown) => {
    count("UnhandledErrors");
    const instanceId = currentInstance();
    if (instanceId) {
      log.error({ err: error, instanceId }, "an exception was not handled; the connection of its instance is closed");
      interrupt(instanceId);
      return;
    }
    const now = performance.now();
    unnamed = [...unnamed.filter((at) => now - at < windowMs), now];
    if (unnamed.length <= maxUnnamed) {
      log.error({ err: error }, "an exception of no instance was not handled; the host continues");
      return;
    }
    log.fatal({ err: error }, "too many exceptions of no instance were not handled; the host ends");
    exit();
  };
  process.on("unhandledRejection", onRejection);
  process.on("uncaughtException", onException);
  return () => {
    process.off("unhandledRejection", onRejection);
    process.off("uncaughtException", onException);
  };
}
