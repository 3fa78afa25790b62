import { AsyncLocalStorage } from "node:async_hooks";

const instance = new AsyncLocalStorage<string>();

/** Runs work, and everything that it starts, such as sockets and timers, as work of an instance. */
export const asInstance = <Result>(instanceId: string, work: () => Result): Result => instance.run(instanceId, work);

/** Returns the id of the instance whose work runs, or undefined if it is work of the host. */
export const currentInstance = (): string | undefined => instance.getStore();
