/** A piece of work of this process, as the watchdog reports it. Times are those of `performance.now()`. */
export interface Work {
  label: string;
  startedAt: number;
  /** Infinity while the work runs. */
  endedAt: number;
}

/** How many pieces of finished work are remembered. */
const maxRecent = 64;
/** How long work that has no known end counts as running, in milliseconds. */
const assumedMs = 1_000;

const running = new Set<Work>();
/** Finished work, oldest first. */
const recent: Work[] = [];

/**
 * Runs `work` under a label, such as `POST /api/instances` or `command message.sendText`. A label names a kind of work
 * and contains nothing from callers. If the event loop is blocked meanwhile, the log names the label.
 */
export async function labelled<Result>(label: string, work: () => Promise<Result>): Promise<Result> {
  const entry = { label, startedAt: performance.now(), endedAt: Number.POSITIVE_INFINITY };
  running.add(entry);
  try {
    return await work();
  } finally {
    running.delete(entry);
    entry.endedAt = performance.now();
    remember(entry);
  }
}

/** Notes the start of work whose end is not known, such as the handling of a stanza. */
export function noteWork(label: string): void {
  const startedAt = performance.now();
  remember({ label, startedAt, endedAt: startedAt + assumedMs });
}

function remember(entry: Work): void {
  recent.push(entry);
  if (recent.length > maxRecent) recent.shift();
}

/** Returns the work that ran at any time since `since`, the work that started last first. */
export function workSince(since: number): Work[] {
  return [...running, ...recent.filter(({ endedAt }) => endedAt >= since)].sort((a, b) => b.startedAt - a.startedAt);
}
