import type { Logger } from "../../core/log.ts";

/**
 * Keeps the process running when a promise is rejected and nobody handles it. Baileys runs some of its listeners as
 * async functions without a `catch` (7.0.0-rc14, `Socket/messages-recv.js`, `Socket/chats.js`), so a stanza of a stranger
 * that makes one of them throw would otherwise stop all instances of the host. What must be durable never depends on such
 * a promise: the ledger and the gate handle their own failures. Returns a function that ends this.
 */
export function surviveRejections(log: Pick<Logger, "error">): () => void {
  const note = (error: unknown) => log.error({ err: error }, "a rejected promise was not handled; the host continues");
  process.on("unhandledRejection", note);
  return () => void process.off("unhandledRejection", note);
}
