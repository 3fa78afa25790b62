import { AppError } from "../../core/error.ts";
import type { Owner } from "../concurrency/fair-turns.ts";
import { WorkerPool, WorkerStopped } from "../concurrency/worker-pool.ts";
import type { ParseJob, ParseResults } from "./parse-job.ts";

/** How many files a host parses at once. A user parses one file at a time. */
const workers = 2;
/** A file of the largest size takes well below a second, except the duration of an MP3 file of 100 MB. */
const limits = { timeoutMs: 10_000, heapMb: 128, totalMb: 256 };

const pool = new WorkerPool<ParseJob, ParseResults[ParseJob["name"]]>(
  new URL("./parse-worker.ts", import.meta.url),
  workers,
  limits,
);

/**
 * Parses an untrusted file in a worker process with a time limit and a memory limit. Throws `media_not_usable` if the
 * file is damaged or exceeds a limit.
 */
export async function parse<Job extends ParseJob>(owner: Owner, job: Job): Promise<ParseResults[Job["name"]]> {
  try {
    return (await pool.run(owner, job)) as ParseResults[Job["name"]];
  } catch (error) {
    const stopped = error instanceof WorkerStopped;
    // A system error, or a worker that doesn't start, is not the fault of the file.
    if (!stopped && isInternal(error)) throw error;
    const reason = stopped ? error.message : "it is damaged";
    throw new AppError("media_not_usable", `the file could not be read: ${reason}`, { cause: error });
  }
}

const isInternal = (error: unknown) => !(error instanceof Error) || "code" in error || error.cause !== undefined;
