import { open } from "node:fs/promises";
import { parseFile } from "music-metadata";
import { readMp4 } from "../../core/media/mp4.ts";
import { readOggOpus } from "../../core/media/ogg.ts";
import { countPdfPages } from "../../core/media/pdf.ts";
import { recognize } from "../../core/media/recognize.ts";
import { readWebP, withStickerMetadata } from "../../core/media/webp.ts";
import { maxHead, readPage } from "../../core/message/link-page.ts";
import { serveJobs } from "../concurrency/serve-jobs.ts";
import type { ParseJob, ParseResults } from "./parse-job.ts";

/** Only this module, which runs in a worker process, imports parsers of untrusted files. See `parser.ts`. */
async function parse(job: ParseJob): Promise<ParseResults[ParseJob["name"]]> {
  switch (job.name) {
    case "recognize":
      return await recognize(job.path, job.claimed, job.filename);
    case "mp4":
      return await readMp4(job.path);
    case "opus":
      return await readOggOpus(job.path);
    case "webp":
      return await readWebP(job.path);
    case "stickerWithMetadata":
      return (await withStickerMetadata(job.path, job.metadata)).toString("base64");
    case "pages":
      return await countPdfPages(job.path);
    case "duration":
      return (await parseFile(job.path, { duration: true, skipCovers: true })).format.duration;
    case "page":
      return readPage(await readStart(job.path, maxHead), job.url);
  }
}

async function readStart(path: string, maxBytes: number): Promise<string> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
  return buffer.toString("utf8", 0, bytesRead);
}

serveJobs(parse);
