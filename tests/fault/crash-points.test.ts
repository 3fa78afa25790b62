import { expect, test } from "vitest";
import { temporaryFolder } from "../support/process/temporary-folder.ts";
import { randomOf } from "../support/random.ts";
import { type Point, Stage, type Victim, victimsOf } from "./crash-points/stage.ts";
import { paths } from "./suite/path.ts";

const seed = Number(process.env.FAULT_SEED ?? 20261130);
/** Number of crash points of each process. */
const sample = 1;
/** The result doesn't depend on the speed of the machine, because `late` isn't checked here. */
const load = 10;

test.each(paths)(
  `nothing is lost or repeated when a process is killed at one of its awaits, on the path %s (seed ${seed})`,
  async (way) => {
    const { path, remove } = await temporaryFolder();
    const stage = await Stage.start(path, { path: way, load });
    try {
      const found = await stage.discover();
      expect(found.length).toBeGreaterThan(300);
      for (const point of sampleOf(found, victimsOf[way])) {
        const { violations } = await stage.crash(point);
        const wrong = violations.filter(({ rule }) => rule !== "late");
        expect(wrong, `${point.victim} killed at ${point.at}; logs: ${path}`).toEqual([]);
      }
    } finally {
      await stage.stop();
    }
    await remove();
  },
  600_000,
);

function sampleOf(points: readonly Point[], victims: readonly Victim[]): Point[] {
  const random = randomOf(seed);
  return victims.flatMap((victim) => {
    const own = points.filter((point) => point.victim === victim);
    return Array.from({ length: sample }, () => own[Math.floor(random() * own.length)] as Point);
  });
}
