import { expect, test } from "vitest";
import { FairTurns } from "../../../session-host/concurrency/fair-turns.ts";

/** Runs tasks that end when the test says so, and records the order in which they start. */
class Tasks {
  readonly started: string[] = [];
  readonly #turns: FairTurns;
  readonly #leave = new Map<string, () => void>();

  constructor(size: number) {
    this.#turns = new FairTurns(size);
  }

  /** Adds tasks that are named `<user>/<instance>/<number>`. */
  async add(...names: string[]): Promise<void> {
    for (const name of names) {
      const [userId = "", instanceId = ""] = name.split("/");
      void this.#turns.enter({ userId, instanceId: `${userId}/${instanceId}` }).then((leave) => {
        this.started.push(name);
        this.#leave.set(name, leave);
      });
    }
    await settled();
  }

  async end(name: string): Promise<void> {
    const leave = this.#leave.get(name);
    if (!leave) throw new Error(`${name} does not run`);
    this.#leave.delete(name);
    leave();
    // Further calls have no effect.
    leave();
    await settled();
  }

  /** Ends the running tasks one by one, the oldest first, until no task is left. */
  async endAll(): Promise<string[]> {
    while (this.#leave.size > 0) await this.end([...this.#leave.keys()][0] ?? "");
    return this.started;
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("the first task of a user precedes the waiting tasks of another user", async () => {
  const tasks = new Tasks(1);
  await tasks.add("a/1/1", "a/1/2", "a/1/3", "b/1/1", "a/1/4", "c/1/1", "b/1/2");
  expect(await tasks.endAll()).toEqual(["a/1/1", "b/1/1", "c/1/1", "a/1/2", "b/1/2", "a/1/3", "a/1/4"]);
});

test("the instances of a user take turns", async () => {
  const tasks = new Tasks(1);
  await tasks.add("a/1/1", "a/1/2", "a/1/3", "a/2/1", "a/3/1", "a/2/2");
  expect(await tasks.endAll()).toEqual(["a/1/1", "a/2/1", "a/3/1", "a/1/2", "a/2/2", "a/1/3"]);
});

test("a user with many instances gets no more turns than a user with one", async () => {
  const tasks = new Tasks(1);
  await tasks.add("a/1/1", "a/2/1", "a/3/1", "a/4/1", "b/1/1", "b/1/2", "b/1/3");
  expect(await tasks.endAll()).toEqual(["a/1/1", "b/1/1", "a/2/1", "b/1/2", "a/3/1", "b/1/3", "a/4/1"]);
});

test("a user leaves one place free for other users", async () => {
  const tasks = new Tasks(3);
  await tasks.add("a/1/1", "a/1/2", "a/2/1", "a/2/2");
  expect(tasks.started).toEqual(["a/1/1", "a/1/2"]);
  await tasks.add("b/1/1", "c/1/1");
  expect(tasks.started).toEqual(["a/1/1", "a/1/2", "b/1/1"]);
  await tasks.end("a/1/1");
  expect(tasks.started.at(-1)).toBe("c/1/1");
  await tasks.end("c/1/1");
  expect(tasks.started.at(-1)).toBe("a/2/1");
  await tasks.end("b/1/1");
  expect(tasks.started).toHaveLength(5);
  expect(await tasks.endAll()).toHaveLength(6);
});
