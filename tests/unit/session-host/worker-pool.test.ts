import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { WorkerPool } from "../../../session-host/concurrency/worker-pool.ts";
import { Heartbeat } from "../../support/heartbeat.ts";
import type { GreedyJob } from "../../support/session-host/greedy-worker.ts";
import { until } from "../../support/until.ts";

const entry = new URL("../../support/session-host/greedy-worker.ts", import.meta.url);
const owner = { userId: "user", instanceId: "instance" };

function newPool(size = 1) {
  const pool = new WorkerPool<GreedyJob, unknown>(entry, size, { timeoutMs: 1500, heapMb: 32, totalMb: 128 });
  return (what: GreedyJob["what"], as = owner) => pool.run(as, { what });
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** The processes that a test must leave no trace of. */
const pids: number[] = [];
afterEach(() => {
  for (const pid of pids.splice(0)) if (isAlive(pid)) process.kill(pid, "SIGKILL");
});

test.each([
  ["runs too long", "spin", "it took longer than 1.5 s"],
  ["hangs in a regular expression", "backtrack", "it took longer than 1.5 s"],
  ["makes too many objects", "heap", "it used too much memory"],
  ["makes too many buffers", "buffers", "it used too much memory"],
  ["ends the worker", "exit", "the worker ended"],
] as const)(
  "a job that %s is stopped without blocking the process, and the next job runs",
  async (_what, job, reason) => {
    const run = newPool();
    const pid = Number(await run("pid"));
    const heartbeat = new Heartbeat();
    await expect(run(job)).rejects.toMatchObject({ name: "WorkerStopped", message: reason });
    expect(heartbeat.stop()).toBeLessThan(1000);
    await until(async () => !isAlive(pid) || undefined);
    expect(await run("echo")).toBe("echo");
  },
);

test("the error of a job reaches its caller with its code, and the worker goes on", async () => {
  const run = newPool();
  const pid = await run("pid");
  await expect(run("throw")).rejects.toThrow("thrown");
  await expect(run("missing")).rejects.toMatchObject({ message: "not there", code: "ENOENT" });
  expect(await run("pid")).toBe(pid);
});

test("a worker has no environment variables, which contain secrets, and can't write files", async () => {
  const run = newPool();
  expect(await run("env")).toEqual(["PWD"]);
  await expect(run("write")).rejects.toMatchObject({ code: "ERR_ACCESS_DENIED" });
});

test("a worker that dies while it is idle is replaced", async () => {
  const run = newPool();
  const pid = Number(await run("pid"));
  process.kill(pid, "SIGKILL");
  await until(async () => !isAlive(pid) || undefined);
  expect(await run("pid")).not.toBe(pid);
});

test("a worker ends with its process, even if the process is killed", async () => {
  const module = new URL("../../../session-host/concurrency/worker-pool.ts", import.meta.url);
  const program = `const { WorkerPool } = await import(${JSON.stringify(module.href)});
    const limits = { timeoutMs: 10_000, heapMb: 32, totalMb: 128 };
    const pool = new WorkerPool(new URL(${JSON.stringify(entry.href)}), 1, limits);
    console.log(await pool.run(${JSON.stringify(owner)}, { what: "pid" }));
    setInterval(() => undefined, 1000);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [printed] = await once(parent.stdout, "data");
  const pid = Number(printed);
  pids.push(pid);
  expect(isAlive(pid)).toBe(true);
  parent.kill("SIGKILL");
  await until(async () => !isAlive(pid) || undefined);
});

test("a user's hanging jobs don't delay another user's job", async () => {
  const run = newPool(2);
  const hanging = Array.from({ length: 3 }, () => run("spin").catch((error: Error) => error.name));
  let ended = false;
  void Promise.race(hanging).then(() => {
    ended = true;
  });
  expect(await run("echo", { userId: "other", instanceId: "other" })).toBe("echo");
  expect(ended).toBe(false);
  expect(await Promise.all(hanging)).toEqual(Array(3).fill("WorkerStopped"));
});
