import { stat } from "node:fs/promises";
import { AppError } from "../../core/error.ts";
import { maxMediaBytes } from "../../core/media/index.ts";
import { maxRoundSeconds, type Recognized } from "../../core/media/kind.ts";
import { stickerLimits } from "../../core/media/sticker.ts";
import { FairTurns, type Owner } from "../concurrency/fair-turns.ts";
import { ffmpeg } from "./ffmpeg.ts";

/** Timeouts, in milliseconds. */
const convertMs = 120_000;
const previewMs = 15_000;
/**
 * Limits concurrent ffmpeg processes per host. Each conversion keeps two cores busy, so more would starve the sessions.
 * Previews are short and have turns of their own, so that they don't wait for conversions.
 */
const conversionTurns = new FairTurns(2);
const previewTurns = new FairTurns(2);
/** Maximum length of the longer side of a converted video, an HD video, and a preview. Pixels. */
const videoSide = 1280;
const hdVideoSide = 1920;
const previewSide = 72;
const maxPreviewBytes = 32 * 1024;
/** Size of the largest picture that ffmpeg may decode: 8K. */
const maxPixels = 7680 * 4320;
/** Number of bars with which WhatsApp draws a voice note. Each bar is 0 to 100. */
const bars = 64;
/** Samples per second from which the bars are made. */
const waveRate = 8000;

/**
 * Makes an Ogg/Opus file. Throws `NoFfmpeg`, or the `AppError` `media_not_usable` if the file can't be read or the
 * conversion takes too long.
 */
export async function toOpus(
  owner: Owner,
  input: string,
  file: Recognized,
  output: string,
  voice: boolean,
): Promise<void> {
  const sound = voice ? ["-ac", "1", "-b:a", "32k", "-application", "voip"] : ["-ac", "2", "-b:a", "96k"];
  await convert(owner, input, file, output, [
    "-map",
    "0:a:0",
    "-c:a",
    "libopus",
    "-ar",
    "48000",
    ...sound,
    "-f",
    "ogg",
  ]);
}

/** Makes an MP4 file with H.264 and AAC. Throws like `toOpus`. */
export async function toMp4(owner: Owner, input: string, file: Recognized, output: string, hd = false): Promise<void> {
  const side = hd ? hdVideoSide : videoSide;
  const square = "scale=trunc(iw*sar):ih,setsar=1";
  const fit = `w='min(${side},iw)':h='min(${side},ih)':force_original_aspect_ratio=decrease:force_divisible_by=2`;
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
  await convert(owner, input, file, output, [...maps, ...picture, ...sound, "-movflags", "+faststart", "-f", "mp4"]);
}

/** Length of the sides of a round video. Pixels. */
const roundSide = 640;
/** How stickers are encoded, best first: the quality of WebP, and frames per second of an animation. */
const stillQualities = [80, 60, 40, 20, 5];
const animatedQualities = [
  [50, 15],
  [35, 12],
  [20, 10],
  [10, 8],
  [1, 5],
] as const;

/** Makes a square MP4 file for a round video message: the middle of the picture. Throws like `toOpus`. */
export async function toSquareMp4(owner: Owner, input: string, file: Recognized, output: string): Promise<void> {
  const side = "trunc(min(iw,ih)/2)*2";
  const crop = `scale=trunc(iw*sar):ih,setsar=1,crop=w='${side}':h='${side}'`;
  await convert(owner, input, file, output, [
    ...["-map", "0:v:0", "-map", "0:a:0?", "-t", String(maxRoundSeconds)],
    ...["-vf", `${crop},scale=w='min(${roundSide},iw)':h='min(${roundSide},ih)'`],
    ...["-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p"],
    ...["-c:a", "aac", "-b:a", "96k", "-ac", "1", "-movflags", "+faststart", "-f", "mp4"],
  ]);
}

/**
 * Makes a WebP sticker with a transparent margin, animated if the file is a GIF or a video. Lowers the quality until the
 * sticker is small enough. Throws like `toOpus`.
 */
export async function toSticker(owner: Owner, input: string, file: Recognized, output: string): Promise<void> {
  const { side, seconds, stillBytes, animatedBytes } = stickerLimits;
  const fit = `scale=w=${side}:h=${side}:force_original_aspect_ratio=decrease,setsar=1`;
  const margin = `format=rgba,pad=${side}:${side}:(ow-iw)/2:(oh-ih)/2:color=0x00000000`;
  const still = stillQualities.map((quality) => ({
    filter: `${fit},${margin}`,
    encoder: ["-frames:v", "1", "-c:v", "libwebp", "-quality", String(quality)],
  }));
  const animated = animatedQualities.map(([quality, rate]) => ({
    filter: `fps=${rate},${fit},${margin}`,
    encoder: ["-t", String(seconds), "-c:v", "libwebp_anim", "-loop", "0", "-quality", String(quality)],
  }));
  const moves = file.convertible === "video";
  const limit = moves ? animatedBytes : stillBytes;
  const deadline = Date.now() + convertMs;
  for (const { filter, encoder } of moves ? animated : still) {
    const options = ["-map", "0:v:0", "-an", "-vf", filter, ...encoder, "-f", "webp"];
    await convert(owner, input, file, output, options, deadline - Date.now());
    if ((await stat(output)).size <= limit) return;
    if (Date.now() >= deadline) break;
  }
  throw new AppError("media_not_usable", `the file does not fit into a sticker of ${limit} bytes: send a simpler one`);
}

async function convert(
  owner: Owner,
  input: string,
  file: Recognized,
  output: string,
  options: string[],
  timeoutMs: number = convertMs,
): Promise<void> {
  const limits = ["-map_metadata", "-1", "-threads", "2", "-fs", String(maxMediaBytes)];
  const leave = await conversionTurns.enter(owner);
  try {
    await run(input, file, [...options, ...limits, `file:${output}`], timeoutMs, () => true);
  } finally {
    leave();
  }
  // At the size limit, ffmpeg ends in the middle of the file without an error.
  const { size } = await stat(output);
  if (size === 0) throw new AppError("media_not_usable", "the file is empty after its conversion");
  if (size > 0.99 * maxMediaBytes) {
    throw new AppError("media_not_usable", `the file is larger than ${maxMediaBytes} bytes after its conversion`);
  }
}

/** Makes a JPEG whose longer side has at most `side` pixels. A transparent picture gets a black background. Throws like `toOpus`. */
export async function toJpeg(
  owner: Owner,
  input: string,
  file: Recognized,
  output: string,
  side: number,
): Promise<void> {
  const fit = `scale=w='min(${side},iw)':h='min(${side},ih)':force_original_aspect_ratio=decrease`;
  const options = ["-map", "0:v:0", "-frames:v", "1", "-vf", fit, "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "5"];
  await runPreview(owner, input, file, [...options, "-f", "image2", "-update", "1", `file:${output}`], () => true);
}

/** Returns a small JPEG of a picture, or of the first frame of a video. Throws like `toOpus`. */
export async function preview(owner: Owner, input: string, file: Recognized): Promise<Buffer | undefined> {
  const scale = `scale=w=${previewSide}:h=${previewSide}:force_original_aspect_ratio=decrease`;
  const chunks: Buffer[] = [];
  let size = 0;
  const keep = (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    return size <= maxPreviewBytes;
  };
  const options = ["-map", "0:v:0", "-frames:v", "1", "-vf", scale, "-c:v", "mjpeg", "-q:v", "8"];
  await runPreview(owner, input, file, [...options, "-f", "image2pipe", "pipe:1"], keep);
  return size > 0 ? Buffer.concat(chunks) : undefined;
}

/** Returns the loudness of an audio file as the bars that WhatsApp draws. Throws like `toOpus`. */
export async function waveform(owner: Owner, input: string, file: Recognized): Promise<Uint8Array | undefined> {
  const samples = Math.floor((file.seconds ?? 0) * waveRate);
  if (samples < bars) return undefined;
  const sums = new Float64Array(bars);
  let index = 0;
  let lowByte: number | undefined;
  const addSamples = (chunk: Buffer) => {
    for (const byte of chunk) {
      if (lowByte === undefined) {
        lowByte = byte;
        continue;
      }
      const bar = Math.min(bars - 1, Math.floor((index++ * bars) / samples));
      sums[bar] = (sums[bar] ?? 0) + Math.abs(((byte << 24) >> 16) | lowByte);
      lowByte = undefined;
    }
    return true;
  };
  const options = ["-map", "0:a:0", "-ac", "1", "-ar", String(waveRate), "-f", "s16le", "pipe:1"];
  await runPreview(owner, input, file, options, addSamples);
  const loudest = Math.max(...sums);
  return loudest > 0 ? Uint8Array.from(sums, (sum) => Math.round((100 * sum) / loudest)) : undefined;
}

async function runPreview(
  owner: Owner,
  input: string,
  file: Recognized,
  options: string[],
  onOutput: (chunk: Buffer) => boolean,
): Promise<void> {
  const leave = await previewTurns.enter(owner);
  try {
    await run(input, file, options, previewMs, onOutput);
  } finally {
    leave();
  }
}

/**
 * Runs ffmpeg on an untrusted file. Allows only the demuxer for the file's content, no other files and no network.
 * Limits the time and the size of the output.
 */
async function run(
  input: string,
  { demuxer }: Recognized,
  options: string[],
  timeoutMs: number,
  onOutput: (chunk: Buffer) => boolean,
): Promise<void> {
  if (!demuxer) throw new AppError("media_not_usable", "the file can't be converted");
  const reading = ["-protocol_whitelist", "file", "-max_pixels", String(maxPixels), "-threads", "2", "-f", demuxer];
  const limits = [
    "-nostdin",
    "-hide_banner",
    "-loglevel",
    "error",
    "-y",
    "-timelimit",
    String(Math.ceil((2 * timeoutMs) / 1000)),
  ];
  await ffmpeg([...limits, ...reading, "-i", `file:${input}`, ...options], timeoutMs, onOutput);
}
