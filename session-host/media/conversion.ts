import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import type { Converted } from "../../core/command/catalog/media.ts";
import { AppError } from "../../core/error.ts";
import { attachment } from "../../core/media/filename.ts";
import { uploadKey } from "../../core/media/index.ts";
import { stagedKey } from "../../core/media/staged.ts";
import type { Storage } from "../../core/storage/index.ts";
import { FairTurns, type Owner } from "../concurrency/fair-turns.ts";
import { convertFile } from "./prepare-file.ts";
import { fetchStored } from "./stage.ts";
import { inTempFolder } from "./temp-folder.ts";

/**
 * Maximum number of concurrent conversions. A host converts up to two files at a time (`transcode.ts`). The other place
 * is left for sends.
 */
const maxConcurrent = 1;
/**
 * Maximum number of conversions of one instance that run or wait, so that one instance can't delay other instances too
 * long.
 */
const maxHeld = 8;

/**
 * Runs the conversions that users request without sending the file. Runs one conversion at a time, because sends have
 * priority. The turns are fair between users.
 */
export class Conversions {
  readonly #storage: Storage;
  readonly #turns = new FairTurns(maxConcurrent);
  /** How many conversions each instance has running or waiting. */
  readonly #held = new Map<string, number>();

  constructor(deps: { storage: Storage }) {
    this.#storage = deps.storage;
  }

  /**
   * Converts a file in the bucket to a new file there. Throws `AppError`: `media_not_usable`, `payload_too_large`,
   * `not_supported` without ffmpeg, `unavailable` if too many wait, `command_expired` if its turn comes after
   * `deadline`.
   */
  async convert(
    owner: Owner,
    source: CommandInput<"media.convertVoice">,
    into: "opus" | "mp4",
    deadline: Date,
  ): Promise<Converted> {
    const { instanceId } = owner;
    const held = this.#held.get(instanceId) ?? 0;
    if (held >= maxHeld) throw new AppError("unavailable", `this instance already has ${held} conversions waiting`);
    this.#held.set(instanceId, held + 1);
    const leave = await this.#turns.enter(owner);
    try {
      if (deadline.getTime() < Date.now()) throw new AppError("command_expired", "earlier conversions took too long");
      return await this.#convert(owner, source, into);
    } finally {
      leave();
      const left = (this.#held.get(instanceId) ?? 1) - 1;
      if (left > 0) this.#held.set(instanceId, left);
      else this.#held.delete(instanceId);
    }
  }

  async #convert(owner: Owner, source: CommandInput<"media.convertVoice">, into: "opus" | "mp4"): Promise<Converted> {
    return await inTempFolder(async (folder) => {
      const fetched = await fetchStored(this.#storage, stagedKey(owner.instanceId, source), join(folder, "file"));
      const { path, size, sha256: upload, mimetype, filename, seconds } = await convertFile(owner, fetched, into);
      await this.#storage.put(uploadKey(owner.instanceId, upload), createReadStream(path), {
        contentType: mimetype,
        contentDisposition: attachment(filename),
        size,
      });
      const duration = seconds ? Math.round(seconds * 1000) / 1000 : null;
      return { upload, mimetype, filename, size, duration };
    });
  }
}
