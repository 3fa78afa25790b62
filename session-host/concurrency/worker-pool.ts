import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { FairTurns, type Owner } from "./fair-turns.ts";

/** A worker was stopped because its job exceeded a limit, or the worker ended unexpectedly. */
export class WorkerStopped extends Error {
  override readonly name = "WorkerStopped";
}

/** What a worker sends when a job has ended. `code` is that of a system error. */
export type WorkerReply<Result> = { result?: Result } | { error: string; code?: string };

export interface WorkerLimits {
  /** Milliseconds for a job. */
  timeoutMs: number;
  /** Megabytes of memory for JavaScript objects. */
  heapMb: number;
  /** Megabytes of memory for everything. */
  totalMb: number;
}

/** How long a worker may take to load its modules, in milliseconds. */
const loadMs = 30_000;
/** An idle worker ends after this time, in milliseconds, so that it doesn't keep its memory. */
const idleMs = 60_000;
/**
 * A worker is replaced after so much time of jobs, in milliseconds. The kernel ends it after twice the CPU time, in case
 * its job hangs and the host dies.
 */
const lifeMs = 60_000;
/**
 * Megabytes that V8 reserves for code and that count as memory, although they are not used (`kMaximalCodeRangeSize` of
 * x64). V8 reserves 128 MB on arm64, where a job can use the rest.
 */
const reservedMb = 512;

/**
 * Runs jobs on untrusted data in worker processes, so that a job can neither block the event loop nor exhaust the memory
 * of this process. A worker that exceeds a limit is killed, and a new one replaces it. The turns are fair between users.
 *
 * Not in worker threads: V8 compiles some loops such that neither `terminate` nor a memory limit ends them, and the
 * memory of buffers has no limit (Node.js 24.21).
 *
 * The module `entry` serves jobs with `serveJobs`.
 */
export class WorkerPool<Job extends object, Result> {
  readonly #entry: URL;
  readonly #limits: WorkerLimits;
  readonly #turns: FairTurns;
  readonly #idle: WorkerProcess[] = [];

  constructor(entry: URL, size: number, limits: WorkerLimits) {
    this.#entry = entry;
    this.#limits = limits;
    this.#turns = new FairTurns(size);
  }

  /** Throws `WorkerStopped`, or an error with the message of the job's error and, of a system error, its code. */
  async run(owner: Owner, job: Job): Promise<Result> {
    const leave = await this.#turns.enter(owner);
    try {
      const worker = this.#idleWorker() ?? (await this.#start());
      const reply = (await worker.ask(job, this.#limits.timeoutMs)) as WorkerReply<Result>;
      if (worker.usedMs > lifeMs) worker.kill();
      else this.#idle.push(worker);
      if ("error" in reply) throw Object.assign(new Error(reply.error), reply.code ? { code: reply.code } : {});
      return reply.result as Result;
    } finally {
      leave();
    }
  }

  #idleWorker(): WorkerProcess | undefined {
    for (;;) {
      const worker = this.#idle.pop();
      if (!worker?.ended) return worker;
    }
  }

  async #start(): Promise<WorkerProcess> {
    const worker = new WorkerProcess(this.#entry, this.#limits);
    try {
      await worker.ask(undefined, loadMs);
      return worker;
    } catch (error) {
      throw new Error("a worker could not be started", { cause: error });
    }
  }
}

class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #kill = () => this.kill();
  #idleTimer: NodeJS.Timeout | undefined;
  /** Milliseconds that this worker has worked so far. */
  usedMs = 0;
  ended = false;

  constructor(entry: URL, { heapMb, totalMb }: WorkerLimits) {
    const limits = `ulimit -c 0; ulimit -t ${(2 * lifeMs) / 1000}; ulimit -d ${(totalMb + reservedMb) * 1024};`;
    const node = [process.execPath, `--max-old-space-size=${heapMb}`, "--permission", "--allow-fs-read=*"];
    this.#child = fork(fileURLToPath(entry), [], {
      // The shell sets the limits and then becomes Node.js.
      execPath: "/bin/sh",
      execArgv: ["-c", `${limits} exec "$0" "$@"`, ...node],
      // A worker needs none of the settings, which contain secrets.
      env: {},
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      // A signal from the terminal must not reach the worker.
      detached: true,
    });
    // `ask` reports errors. Without a listener, a later error would end this process.
    this.#child.on("error", () => undefined);
    this.#child.once("exit", () => {
      this.ended = true;
      process.off("exit", this.#kill);
      clearTimeout(this.#idleTimer);
    });
    process.once("exit", this.#kill);
  }

  /** Sends a job and returns the reply. Without a job, waits for the first message. Kills the worker if that fails. */
  async ask(job: object | undefined, timeoutMs: number): Promise<unknown> {
    const child = this.#child;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const stop = (reason: string, cause?: unknown) => reject(new WorkerStopped(reason, { cause }));
    const onError = (error: Error) => stop("the worker failed", error);
    const onExit = (_code: number | null, signal: NodeJS.Signals | null) =>
      stop(signal === "SIGABRT" ? "it used too much memory" : "the worker ended");
    const timer = setTimeout(() => stop(`it took longer than ${timeoutMs / 1000} s`), timeoutMs);
    child.once("message", resolve).once("error", onError).once("exit", onExit);
    clearTimeout(this.#idleTimer);
    child.ref();
    child.channel?.ref();
    const startedAt = performance.now();
    try {
      if (job) child.send(job, (error) => error && onError(error));
      const reply = await promise;
      // An idle worker must not keep this process running.
      child.unref();
      child.channel?.unref();
      this.#idleTimer = setTimeout(this.#kill, idleMs).unref();
      return reply;
    } catch (error) {
      this.kill();
      throw error;
    } finally {
      this.usedMs += performance.now() - startedAt;
      clearTimeout(timer);
      child.off("message", resolve).off("error", onError).off("exit", onExit);
    }
  }

  kill(): void {
    this.ended = true;
    this.#child.kill("SIGKILL");
  }
}
