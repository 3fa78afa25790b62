import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import type { Converted } from "../../core/command/catalog/media.ts";
import { AppError } from "../../core/error.ts";
import { attachment } from "../../core/media/filename.ts";
import { uploadKey } from "../../core/media/index.ts";
import { stagedKey } from "../../core/media/staged.ts";
import type { Storage } from "../../core/storage/index.ts";
import { Limiter } from "../concurrency/limiter.ts";
import { bringStored } from "./media.ts";
import { convertFile } from "./prepare-file.ts";

/** ffmpeg runs twice at once on a host (`transcode.ts`): one turn is left for the files that are to be sent. */
const atOnce = 1;
/** So many of one instance may wait, so that its users cannot keep everybody else's waiting. */
const maxHeld = 8;

/** Conversions that users ask for in themselves, one after another: a host is there to send. */
export class Conversions {
  readonly #storage: Storage;
  readonly #turns = new Limiter(atOnce);
  readonly #held = new Map<string, number>();

  constructor(deps: { storage: Storage }) {
    this.#storage = deps.storage;
  }

  /**
   * Makes of a file in the bucket another one there, over the disk. Throws `AppError`: `media_not_usable`, `payload_too_large`,
   * `not_supported` without ffmpeg, `unavailable` when too many wait, `command_expired` when its turn comes after `deadline`.
   */
  async convert(
    instanceId: string,
    source: CommandInput<"media.convertVoice">,
    into: "opus" | "mp4",
    deadline: Date,
  ): Promise<Converted> {
    const held = this.#held.get(instanceId) ?? 0;
    if (held >= maxHeld) throw new AppError("unavailable", `${held} conversions of this instance are waiting already`);
    this.#held.set(instanceId, held + 1);
    const leave = await this.#turns.enter();
    try {
      if (deadline.getTime() < Date.now()) throw new AppError("command_expired", "other conversions took too long");
      return await this.#convert(instanceId, source, into);
    } finally {
      leave();
      const left = (this.#held.get(instanceId) ?? 1) - 1;
      if (left > 0) this.#held.set(instanceId, left);
      else this.#held.delete(instanceId);
    }
  }

  async #convert(
    instanceId: string,
    source: CommandInput<"media.convertVoice">,
    into: "opus" | "mp4",
  ): Promise<Converted> {
    const folder = await mkdtemp(join(tmpdir(), "switchboard-"));
    try {
      const brought = await bringStored(this.#storage, stagedKey(instanceId, source), join(folder, "file"));
      const { path, size, sha256: upload, mimetype, filename, seconds } = await convertFile(brought, into);
      await this.#storage.put(uploadKey(instanceId, upload), createReadStream(path), {
        contentType: mimetype,
        contentDisposition: attachment(filename),
        size,
      });
      const duration = seconds ? Math.round(seconds * 1000) / 1000 : null;
      return { upload, mimetype, filename, size, duration };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
