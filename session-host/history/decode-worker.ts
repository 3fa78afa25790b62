import { serveJobs } from "../concurrency/serve-jobs.ts";
import { readMessages, readOutline } from "./decode.ts";
import type { DecodeJob, DecodeResults } from "./decode-job.ts";

/** Runs in a worker process, because the phone's owner can send any bytes as the history. */
serveJobs((job: DecodeJob): DecodeResults[DecodeJob["name"]] =>
  job.name === "outline" ? readOutline(job.path, job.from) : readMessages(job.path, job.from),
);
