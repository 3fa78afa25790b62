import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Reply, Request } from "./port.ts";

const modules = {
  host: "../../../../session-host/main.ts",
  api: "./api.ts",
  "api-host": "./api-host.ts",
  gateway: "./gateway.ts",
  worker: "./worker.ts",
  aws: "./aws.ts",
  network: "./network.ts",
} as const;
export type Program = keyof typeof modules;

export interface ChildOptions {
  program: Program;
  /** The name of the process's log file. */
  name: string;
  folder: string;
  env: Record<string, string>;
  /** Arguments for Node.js. */
  nodeArguments?: readonly string[];
}

/** A process of the gateway, or of the parts around it. */
export class Child {
  readonly options: ChildOptions;
  readonly process: ChildProcess;
  /** Resolves with what the process reports at its start. Session hosts report nothing. */
  readonly ready: Promise<unknown>;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #ids = 0;

  constructor(options: ChildOptions) {
    this.options = options;
    const log = openSync(join(options.folder, `${options.name}.log`), "a");
    const file = fileURLToPath(new URL(modules[options.program], import.meta.url));
    this.process = spawn(process.execPath, [...(options.nodeArguments ?? []), file], {
      env: { PATH: process.env.PATH ?? "", ...options.env },
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.ready = promise;
    promise.catch(() => undefined);
    this.process.on("message", (reply: Reply) => {
      if ("ready" in reply) return resolve(reply.ready);
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ("error" in reply) waiting?.reject(new Error(reply.error));
      else waiting?.resolve(reply.result);
    });
    this.process.once("exit", (code, signal) => {
      const error = new Error(`the process ${options.name} ended (${signal ?? code})`);
      reject(error);
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Sends a command to the process and returns its result. */
  request(command: string, argument: unknown = null): Promise<unknown> {
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.process.send({ id, command, argument } satisfies Request, (error) => {
        if (error) reject(error);
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Ends the process with a signal and waits for it. */
  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (!this.running) return;
    const ended = once(this.process, "exit");
    this.process.kill(signal);
    await ended;
  }
}
