import { spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { AppError } from "../../core/error.ts";
import { maxMediaBytes } from "../../core/media/index.ts";
import type { Recognized } from "../../core/media/kind.ts";
import { Limiter } from "../concurrency/limiter.ts";

/** ffmpeg is not there. */
export class NoFfmpeg extends Error {
  override readonly name = "NoFfmpeg";
}

/** What the caller is told who asked for what only ffmpeg can make. */
export const ffmpegWanted = (what: string) =>
  new AppError(
    "not_supported",
    `${what} has to be converted, and ffmpeg is not installed where the session host runs: apt-get install ffmpeg`,
  );

const convertMs = 120_000;
const lookMs = 15_000;
/** A conversion keeps two cores busy; more at once would starve the sessions. */
const turns = new Limiter(2);
/** The longer side of a film that was converted, and of a preview. Pixels. */
const filmSide = 1280;
const previewSide = 72;
const maxPreviewBytes = 32 * 1024;
/** What ffmpeg may take apart: 8K. */
const maxPixels = 7680 * 4320;
/** WhatsApp draws a voice note with so many bars, each 0 to 100. */
const bars = 64;
const waveRate = 8000;
/** Of what ffmpeg complains, the last of it. */
const maxComplaint = 500;

/**
 * Makes an Ogg/Opus file. Throws `NoFfmpeg`, and `AppError` `media_not_usable` when the file cannot be read or it took too long.
 */
export async function toOpus(input: string, file: Recognized, output: string, voice: boolean): Promise<void> {
  const sound = voice ? ["-ac", "1", "-b:a", "32k", "-application", "voip"] : ["-ac", "2", "-b:a", "96k"];
  await convert(input, file, output, ["-map", "0:a:0", "-c:a", "libopus", "-ar", "48000", ...sound, "-f", "ogg"]);
}

/** Makes an MP4 with H.264 and AAC. Throws as `toOpus` does. */
export async function toMp4(input: string, file: Recognized, output: string): Promise<void> {
  const square = "scale=trunc(iw*sar):ih,setsar=1";
  const fit = `w='min(${filmSide},iw)':h='min(${filmSide},ih)':force_original_aspect_ratio=decrease:force_divisible_by=2`;
  const picture = file.h264
    ? ["-c:v", "copy"]
    : [
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "26",
        "-pix_fmt",
        "yuv420p",
        "-vf",
        `${square},scale=${fit},setsar=1`,
      ];
  const sound = ["-c:a", "aac", "-b:a", "128k", "-ac", "2"];
  const maps = ["-map", "0:v:0", "-map", "0:a:0?"];
  await convert(input, file, output, [...maps, ...picture, ...sound, "-movflags", "+faststart", "-f", "mp4"]);
}

async function convert(input: string, file: Recognized, output: string, options: string[]): Promise<void> {
  const limits = ["-map_metadata", "-1", "-threads", "2", "-fs", String(maxMediaBytes)];
  await run(input, file, [...options, ...limits, `file:${output}`], convertMs);
  // ffmpeg ends in good order at the size that it was given, in the middle of the film.
  const { size } = await stat(output);
  if (size === 0) throw new AppError("media_not_usable", "nothing is left of the file after its conversion");
  if (size > 0.99 * maxMediaBytes) {
    throw new AppError("media_not_usable", `the file is larger than ${maxMediaBytes} bytes after its conversion`);
  }
}

/** A small JPEG of a picture or of a film's beginning. Throws as `toOpus` does. */
export async function preview(input: string, file: Recognized): Promise<Buffer | undefined> {
  const scale = `scale=w=${previewSide}:h=${previewSide}:force_original_aspect_ratio=decrease`;
  const chunks: Buffer[] = [];
  const options = ["-map", "0:v:0", "-frames:v", "1", "-vf", scale, "-c:v", "mjpeg", "-q:v", "8"];
  await run(input, file, [...options, "-f", "image2pipe", "pipe:1"], lookMs, (chunk) => chunks.push(chunk));
  const jpeg = Buffer.concat(chunks);
  return jpeg.length > 0 && jpeg.length <= maxPreviewBytes ? jpeg : undefined;
}

/** The loudness of a sound as WhatsApp draws it. Throws as `toOpus` does. */
export async function waveform(input: string, file: Recognized): Promise<Uint8Array | undefined> {
  const samples = Math.floor((file.seconds ?? 0) * waveRate);
  if (samples < bars) return undefined;
  const sums = new Float64Array(bars);
  let index = 0;
  let half: number | undefined;
  const take = (chunk: Buffer) => {
    for (const byte of chunk) {
      if (half === undefined) {
        half = byte;
        continue;
      }
      const bar = Math.min(bars - 1, Math.floor((index++ * bars) / samples));
      sums[bar] = (sums[bar] ?? 0) + Math.abs(((byte << 24) >> 16) | half);
      half = undefined;
    }
  };
  const options = ["-map", "0:a:0", "-ac", "1", "-ar", String(waveRate), "-f", "s16le", "pipe:1"];
  await run(input, file, options, lookMs, take);
  const loudest = Math.max(...sums);
  return loudest > 0 ? Uint8Array.from(sums, (sum) => Math.round((100 * sum) / loudest)) : undefined;
}

/** Strangers' bytes: one demuxer, the one that their content asks for; no other file, no network; bounded in time and size. */
async function run(
  input: string,
  { demuxer }: Recognized,
  options: string[],
  timeoutMs: number,
  onOutput: (chunk: Buffer) => void = () => undefined,
): Promise<void> {
  if (!demuxer) throw new AppError("media_not_usable", "the file cannot be converted");
  const reading = ["-protocol_whitelist", "file", "-max_pixels", String(maxPixels), "-threads", "2", "-f", demuxer];
  const limits = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-timelimit", String((2 * timeoutMs) / 1000)];
  const leave = await turns.enter();
  try {
    await ffmpeg([...limits, ...reading, "-i", `file:${input}`, ...options], timeoutMs, onOutput);
  } finally {
    leave();
  }
}

function ffmpeg(args: readonly string[], timeoutMs: number, onOutput: (chunk: Buffer) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn("ffmpeg", args, {
    cwd: "/",
    env: { PATH: process.env.PATH ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = () => child.kill("SIGKILL");
  // Nobody would wait for its work any more.
  process.once("exit", kill);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, timeoutMs);
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-maxComplaint);
  });
  child.stdout.on("data", onOutput);
  child.once("error", (error: NodeJS.ErrnoException) => {
    const missing = error.code === "ENOENT" || error.code === "EACCES";
    reject(missing ? new NoFfmpeg("there is no ffmpeg", { cause: error }) : error);
  });
  child.once("close", (code) => {
    if (code === 0) return resolve();
    const reason = late
      ? `it took longer than ${timeoutMs / 1000} s`
      : "it is damaged or in a format that is not known";
    const cause = new Error(`ffmpeg ended with ${code}: ${complaint}`);
    reject(new AppError("media_not_usable", `the file could not be converted: ${reason}`, { cause }));
  });
  return promise.finally(() => {
    clearTimeout(timer);
    process.off("exit", kill);
  });
}
