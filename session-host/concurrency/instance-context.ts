import { AsyncLocalStorage } from "node:async_hooks";

const context = new AsyncLocalStorage<{ instanceId: string; isCommand: boolean }>();

/** Runs work, and everything that it starts, such as sockets and timers, as work of an instance. */
export const asInstance = <Result>(instanceId: string, work: () => Result): Result =>
  context.run({ instanceId, isCommand: false }, work);

/** Like `asInstance`, for a command, whose caller waits for it. */
export const asCommand = <Result>(instanceId: string, work: () => Result): Result =>
  context.run({ instanceId, isCommand: true }, work);

/** Returns the id of the instance whose work runs, or undefined if it is work of the host. */
export const currentInstance = (): string | undefined => context.getStore()?.instanceId;

/** Returns whether a command runs. */
export const isInCommand = (): boolean => context.getStore()?.isCommand ?? false;
