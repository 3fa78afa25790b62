import type { MediaKind } from "../core/command/message.ts";
import { AppError } from "../core/error.ts";
import { opusType, type Plan, planFor, type Recognized, recognize } from "../core/media/kind.ts";
import { readMp4 } from "../core/media/mp4.ts";
import { readOggOpus } from "../core/media/ogg.ts";
import { type Digest, digestOf } from "../core/media/spool.ts";
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
    return await convert(file, recognized, plan, plan.convert);
  } catch (error) {
    if (!plan.insisted && (error instanceof NoFfmpeg || error instanceof AppError))
      return { ...asIs, kind: "document" };
    if (error instanceof NoFfmpeg) throw ffmpegWanted(`the file is ${recognized.mimetype}: it`);
    throw error;
  }
}

async function convert(
  file: BroughtFile,
  recognized: Recognized,
  plan: Plan,
  into: "opus" | "mp4",
): Promise<PreparedFile> {
  const path = `${file.path}.${into}`;
  const stem = file.filename.replace(/\.[^.]*$/, "") || "file";
  if (into === "opus") {
    await toOpus(file.path, recognized, path, plan.voice);
    const sound = {
      ...recognized,
      demuxer: "ogg",
      mimetype: opusType,
      seconds: (await readOggOpus(path))?.seconds ?? 0,
    };
    const made = { path, ...(await digestOf(path)), filename: `${stem}.ogg`, mimetype: opusType, voice: plan.voice };
    return await embellish(made, sound, plan);
  }
  await toMp4(file.path, recognized, path);
  const { seconds, width, height } = (await readMp4(path)) ?? { seconds: 0, width: 0, height: 0 };
  const film = { ...recognized, demuxer: "mov", seconds, width, height };
  const made = { path, ...(await digestOf(path)), filename: `${stem}.mp4`, mimetype: "video/mp4", voice: false };
  return await embellish(made, film, plan);
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
