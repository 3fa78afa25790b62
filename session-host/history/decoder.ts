import { FairTurns, type Owner } from "../concurrency/fair-turns.ts";
import { WorkerPool, WorkerStopped } from "../concurrency/worker-pool.ts";
import { DamagedFile } from "../media/download.ts";
import type { DecodeJob, DecodeResults } from "./decode-job.ts";

/** How many parts of the history a host fetches and imports at once. A user imports one part at a time. */
const concurrentParts = 2;
/** A slice takes well below a second, but a conversation is searched for its header, which can take longer. */
const limits = { timeoutMs: 20_000, heapMb: 64, totalMb: 128 };

/** The turns of the imports of a host, and the worker processes that decode the parts. */
export class HistoryDecoder {
  readonly #turns = new FairTurns(concurrentParts);
  readonly #pool = new WorkerPool<DecodeJob, DecodeResults[DecodeJob["name"]]>(
    new URL("./decode-worker.ts", import.meta.url),
    concurrentParts,
    limits,
  );

  /** Runs the import of a part when it is the owner's turn. */
  async inTurn<Result>(owner: Owner, work: () => Promise<Result>): Promise<Result> {
    const leave = await this.#turns.enter(owner);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** Throws `DamagedFile` if the part can't be decoded or exceeds a limit. */
  async run<Job extends DecodeJob>(owner: Owner, job: Job): Promise<DecodeResults[Job["name"]]> {
    try {
      return (await this.#pool.run(owner, job)) as DecodeResults[Job["name"]];
    } catch (error) {
      // A system error, or a worker that doesn't start, is not the fault of the part.
      const isInternal = error instanceof Error && ("code" in error || error.cause !== undefined);
      if (isInternal && !(error instanceof WorkerStopped)) throw error;
      throw new DamagedFile(`the history can't be decoded: ${(error as Error).message}`, { cause: error });
    }
  }
}
