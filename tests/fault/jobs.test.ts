import { afterAll, beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../support/process/temporary-folder.ts";
import { randomOf } from "../support/random.ts";
import { JobStage } from "./crash-points/job-stage.ts";
import { jobs } from "./crash-points/jobs.ts";

const seed = Number(process.env.FAULT_SEED ?? 20261130);
/** Number of kills of each job, each at another await. `FAULT_ROUNDS=all` takes all awaits. */
const kills =
  process.env.FAULT_ROUNDS === "all" ? Number.POSITIVE_INFINITY : Math.ceil(Number(process.env.FAULT_ROUNDS ?? 2) / 3);

let stage: JobStage;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  stage = await JobStage.start(folder.path);
}, 300_000);
afterAll(async () => {
  await stage?.stop();
  await folder?.remove();
});

const random = randomOf(seed);
test.each(jobs)(
  `$name, also when the gateway is killed at one of the job's awaits (seed ${seed})`,
  async (job) => {
    const points = await stage.discover(job);
    expect(points.length).toBeGreaterThan(0);
    const left = [...points];
    let killed = 0;
    // Whether the job reaches some of the awaits depends on what happens at the same time.
    for (let turn = 0; killed < kills && turn < 4 * kills && left.length > 0; turn++) {
      const [point = ""] = left.splice(Math.floor(random() * left.length), 1);
      if (await stage.kill(job, point)) killed++;
    }
    expect(killed).toBeGreaterThan(0);
    expect(stage.complaints).toEqual([]);
  },
  3_600_000,
);
