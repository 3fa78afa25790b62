import type { MediaStore } from "../../model/media-store.ts";
import type { proto } from "../../wire/baileys.ts";
import { readContent } from "../../wire/content.ts";

/** What a phone does when a companion asks it to upload a file again. */
export type MediaRetry = "upload" | "refuse" | "ignore";

/** Number of files that a phone keeps. */
const MAX_FILES = 10_000;

/** The files of messages on a phone, which it can upload again, as ciphertexts by message id. Not in the state file. */
export class PhoneFiles {
  readonly #byId = new Map<string, Buffer>();

  /** Keeps the file of a message that the phone received or sent. */
  keep(media: MediaStore, id: string, message: proto.IMessage): void {
    const path = readContent(message).media?.directPath;
    const file = path === undefined ? undefined : media.get(path);
    if (!file) return;
    this.#byId.set(id, file);
    const oldest = this.#byId.size > MAX_FILES ? this.#byId.keys().next() : undefined;
    if (oldest && !oldest.done) this.#byId.delete(oldest.value);
  }

  get(id: string): Buffer | undefined {
    return this.#byId.get(id);
  }
}
