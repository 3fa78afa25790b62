import type { Sample } from "./probe.ts";

/** A sample and the minute of the soak when it was taken. */
export interface TimedSample extends Sample {
  minute: number;
}
export type Measure = keyof Sample;

/**
 * How much a measure may grow from the end of the warm-up to the end of the soak: a share of its median, or an absolute
 * amount if that is more. A leak of a kilobyte for each message is far above these limits.
 */
export const allowedGrowth: Record<Measure, { share: number; least: number }> = {
  rss: { share: 0.1, least: 16 * 1024 ** 2 },
  heap: { share: 0.05, least: 4 * 1024 ** 2 },
  external: { share: 0.1, least: 8 * 1024 ** 2 },
  descriptors: { share: 0.02, least: 4 },
  sockets: { share: 0.02, least: 4 },
  timers: { share: 0.05, least: 10 },
  handles: { share: 0.05, least: 10 },
};
export const measures = Object.keys(allowedGrowth) as Measure[];

/** The share of the soak that counts as warm-up. */
export const warmUp = 1 / 3;

export interface Verdict {
  measure: Measure;
  median: number;
  /** The slope of the robust regression, multiplied by the time after the warm-up. */
  growth: number;
  allowed: number;
  flat: boolean;
}

/** Judges the samples of one process after the warm-up. */
export function judge(samples: readonly TimedSample[]): Verdict[] {
  const last = samples.at(-1)?.minute ?? 0;
  const steady = samples.filter(({ minute }) => minute >= last * warmUp);
  const span = last - (steady[0]?.minute ?? last);
  return measures.map((measure) => {
    const middle = median(steady.map((one) => one[measure]));
    const growth = slope(steady.map((one) => [one.minute, one[measure]])) * span;
    const { share, least } = allowedGrowth[measure];
    const allowed = Math.max(share * middle, least);
    return { measure, median: middle, growth, allowed, flat: growth <= allowed };
  });
}

/** Returns the slope of the Theil–Sen regression: the median of the slopes between all pairs of points. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points.flatMap(([x, y], index) =>
    points.slice(index + 1).flatMap(([otherX, otherY]) => (otherX === x ? [] : [(otherY - y) / (otherX - x)])),
  );
  return median(slopes);
}

/** Returns the median, or 0 without values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}
