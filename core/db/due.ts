import type { Clock } from "../clock.ts";
import type { Database } from "./index.ts";
import type { Fragment } from "./page.ts";

/** An SQL condition: a job of the cron function has something to do. */
export type DueCondition = (deps: { db: Database; clock: Clock }) => Fragment;
