import { Agent, request } from "node:http";
import type { SQSBatchResponse } from "aws-lambda";

/** Invokes functions in the worker processes, in turn. */
export class Invoker {
  readonly #workers: { socket: string; agent: Agent }[];
  #next = 0;
  #duplicates = 0;

  constructor(sockets: readonly string[]) {
    this.#workers = sockets.map((socket) => ({ socket, agent: new Agent({ keepAlive: true }) }));
  }

  /** Delivers each of the next batches a second time. */
  duplicate(batches: number): void {
    this.#duplicates += batches;
  }

  /**
   * Invokes a function. If a worker doesn't run, tries the others. Throws if none runs, and if a worker ends during the
   * invocation.
   */
  async invoke(name: string, event: unknown, timeoutMs: number): Promise<SQSBatchResponse> {
    const result = await this.#invoke(name, event, timeoutMs);
    if (this.#duplicates > 0 && name !== "cron") {
      this.#duplicates--;
      await this.#invoke(name, event, timeoutMs);
    }
    return result;
  }

  async #invoke(name: string, event: unknown, timeoutMs: number): Promise<SQSBatchResponse> {
    const first = this.#next++;
    for (let turn = 0; ; turn++) {
      const worker = this.#workers[(first + turn) % this.#workers.length];
      if (!worker) throw new Error("there are no workers");
      try {
        return await post(worker, `/${name}`, JSON.stringify({ event, timeoutMs }));
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        const notStarted = code === "ECONNREFUSED" || code === "ENOENT";
        if (!notStarted || turn + 1 === this.#workers.length) throw error;
      }
    }
  }
}

function post(worker: { socket: string; agent: Agent }, path: string, body: string): Promise<SQSBatchResponse> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: worker.socket, agent: worker.agent, path, method: "POST" }, async (response) => {
      try {
        const text = Buffer.concat(await Array.fromAsync(response as AsyncIterable<Buffer>)).toString();
        if (response.statusCode === 200) resolve(JSON.parse(text) ?? { batchItemFailures: [] });
        else reject(new Error(`the function at ${path} failed: ${text}`));
      } catch (error) {
        reject(error);
      }
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
