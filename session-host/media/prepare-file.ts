import { AppError } from "../../core/error.ts";
import type { MediaKind } from "../../core/media/index.ts";
import { opusType, type Plan, planFor, type Recognized, recognize } from "../../core/media/kind.ts";
import { readMp4 } from "../../core/media/mp4.ts";
import { readOggOpus } from "../../core/media/ogg.ts";
import { type Digest, digestOf } from "../../core/media/spool.ts";
import { ffmpegWanted, NoFfmpeg, preview, toMp4, toOpus, waveform } from "./transcode.ts";

/** A caller's file as it came. */
export interface BroughtFile extends Digest {
  path: string;
  /** The type that its server or sender states. */
  claimed: string;
  filename: string;
}

/** A file as it goes to WhatsApp. */
export interface PreparedFile extends Digest {
  path: string;
  filename: string;
  mimetype: string;
  kind: MediaKind;
  /** Whether it is a voice note. */
  voice: boolean;
  /** Of sound and film. */
  seconds?: number | undefined;
  /** Of pictures that move, in pixels. */
  width?: number | undefined;
  height?: number | undefined;
  /** JPEG. */
  thumbnail?: Buffer | undefined;
  /** 64 values of 0 to 100. */
  waveform?: Uint8Array | undefined;
}

/**
 * Finds out what a file is and makes of it what WhatsApp shows, beside it on the disk. Throws `AppError`: `media_not_usable`,
 * `not_supported`.
 */
export async function prepareFile(
  file: BroughtFile,
  wanted: { kind?: MediaKind | undefined; voice?: boolean | undefined },
): Promise<PreparedFile> {
  const recognized = await recognize(file.path, file.claimed);
  const plan = planFor(recognized, wanted);
  const asIs = { ...file, mimetype: recognized.mimetype, voice: plan.voice };
  if (!plan.convert) return await embellish(asIs, recognized, plan);
  try {
    const { shape, ...made } = await convert(file, recognized, plan.voice, plan.convert);
    return await embellish({ ...made, voice: plan.voice }, shape, plan);
  } catch (error) {
    if (!plan.insisted && (error instanceof NoFfmpeg || error instanceof AppError))
      return { ...asIs, kind: "document" };
    if (error instanceof NoFfmpeg) throw ffmpegWanted(`the file is ${recognized.mimetype}: it`);
    throw error;
  }
}

/**
 * Makes of a file what was asked for in itself, beside it on the disk; one that is that already stays as it is. `seconds` where
 * they are known. Throws `AppError`: `media_not_usable`, `not_supported`.
 */
export async function convertFile(
  file: BroughtFile,
  into: "opus" | "mp4",
): Promise<Omit<PreparedFile, "kind" | "voice">> {
  const recognized = await recognize(file.path, file.claimed);
  const { mimetype, seconds } = recognized;
  // Refuses what can be neither.
  planFor(recognized, into === "opus" ? { voice: true } : { kind: "video" });
  const already =
    into === "opus"
      ? (await readOggOpus(file.path))?.channels === 1
      : recognized.kind === "video" && mimetype === "video/mp4";
  if (already) return { ...file, filename: renamed(file.filename, into), mimetype, seconds };
  try {
    const { shape, ...made } = await convert(file, recognized, into === "opus", into);
    return { ...made, seconds: shape.seconds };
  } catch (error) {
    throw error instanceof NoFfmpeg ? ffmpegWanted(`the file is ${mimetype}: it`) : error;
  }
}

const renamed = (filename: string, into: "opus" | "mp4") =>
  `${filename.replace(/\.[^.]*$/, "") || "file"}.${into === "opus" ? "ogg" : "mp4"}`;

/** `shape` is what the new file is found to be. */
async function convert(file: BroughtFile, recognized: Recognized, voice: boolean, into: "opus" | "mp4") {
  const path = `${file.path}.${into}`;
  const filename = renamed(file.filename, into);
  if (into === "opus") {
    await toOpus(file.path, recognized, path, voice);
    const { seconds } = (await readOggOpus(path)) ?? { seconds: 0 };
    const shape: Recognized = { ...recognized, demuxer: "ogg", mimetype: opusType, seconds };
    return { path, ...(await digestOf(path)), filename, mimetype: opusType, shape };
  }
  await toMp4(file.path, recognized, path);
  const { seconds, width, height } = (await readMp4(path)) ?? { seconds: 0, width: 0, height: 0 };
  const shape: Recognized = { ...recognized, demuxer: "mov", seconds, width, height };
  return { path, ...(await digestOf(path)), filename, mimetype: "video/mp4", shape };
}

/** Adds what WhatsApp shows before somebody opens the file. None of it is worth a failure. */
async function embellish(
  file: Omit<PreparedFile, "kind">,
  recognized: Recognized,
  { kind, voice }: Plan,
): Promise<PreparedFile> {
  const { seconds, width, height } = recognized;
  // WhatsApp counts whole seconds, and shows nothing for 0.
  const length = seconds === undefined ? {} : { seconds: Math.max(1, Math.round(seconds)) };
  if (kind === "image" || kind === "video") {
    const thumbnail = await preview(file.path, recognized).catch(() => undefined);
    return { ...file, kind, ...length, width, height, thumbnail };
  }
  if (kind === "audio") {
    const bars = voice ? await waveform(file.path, recognized).catch(() => undefined) : undefined;
    return { ...file, kind, ...length, waveform: bars };
  }
  return { ...file, kind };
}
