import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import makeTemplate from "../../support/postgres.ts";
import { silenceLibsignal } from "../../support/simulator/client.ts";
import { commit, Results } from "../report/results.ts";
import { writeSection } from "../report/section.ts";
import { stopWhenInterrupted } from "../suite/world/world.ts";
import type { CrashOptions } from "./options.ts";
import { crashReport, type Discovery, type RecordedPoint } from "./report.ts";
import { type Point, Stage, type StageOptions } from "./stage.ts";

const results = new Results<RecordedPoint>("crash-points");
const discoveries = new Results<Discovery>("crash-points-found");
/** After this many crash points, a new gateway is started, because the checker reads everything that a gateway has done. */
const perGateway = 40;

const keyOf = ({ victim, at }: Pick<Point, "victim" | "at">) => `${victim} ${at}`;

/** Stops processes at the crash points that have no result yet. Returns the number of points with violations. */
export async function runCrashPoints(options: CrashOptions): Promise<number> {
  if (options.reportOnly) return 0;
  silenceLibsignal();
  stopWhenInterrupted();
  const of = commit();
  const removeTemplate = await makeTemplate();
  let left = await findPoints(of, options);
  console.log(`${left.length} crash points are left`);
  left = left.slice(0, options.most);
  let failed = 0;
  while (left.length > 0) {
    failed += await withStage(options, async (stage) => {
      let wrongPoints = 0;
      for (const point of left.splice(0, perGateway)) {
        const result = await stage.crash(point);
        results.add({ ...result, path: options.path, commit: of, load: options.load });
        const wrong = result.violations.filter(({ rule }) => rule !== "late");
        if (wrong.length > 0) wrongPoints++;
        const outcome = result.stopped ? `${result.recoveryMs} ms` : "not reached";
        console.log(`${keyOf(point)}: ${outcome}, ${wrong.length} violations`);
        for (const { rule, detail } of result.violations.slice(0, 5)) console.log(`  ${rule}: ${detail}`);
      }
      return wrongPoints;
    });
  }
  await removeTemplate();
  return failed;
}

/** Returns the points that have no result for this commit. */
async function findPoints(of: string, { every, seed, load, path, only }: CrashOptions): Promise<Point[]> {
  let found = discoveries.all().find((one) => one.commit === of && one.path === path);
  if (!found) {
    const discovery = await withStage({ load, path }, async (stage) => ({
      path,
      commit: of,
      sites: stage.sites.length,
      points: await stage.discover(),
    }));
    discoveries.add(discovery);
    found = discovery;
  }
  const done = new Set(results.all().flatMap((one) => (one.commit === of && one.path === path ? [keyOf(one)] : [])));
  return found.points
    .filter((point) => only.test(keyOf(point)))
    .filter((point, index) => index % every === seed % every && !done.has(keyOf(point)));
}

async function withStage<Result>(
  { load, path }: StageOptions,
  work: (stage: Stage) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-crash-"));
  const stage = await Stage.start(folder, { load, path });
  try {
    return await work(stage);
  } finally {
    await stage.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes the report of all results. */
export function reportCrashPoints(): void {
  writeSection("crash points", crashReport(results.all(), discoveries.all()));
}
