import { createCipheriv, randomBytes, randomUUID } from "node:crypto";
import { getMediaKeys, proto } from "@whiskeysockets/baileys";
import { type Dispatcher, Dispatcher1Wrapper, Agent as FetchAgent } from "undici";

/** Length of the MAC after a file of WhatsApp. Baileys doesn't check it. */
const macBytes = 10;

/**
 * Hands verified snapshots to Baileys, which accepts a snapshot only as a file that it downloads (7.0.0-rc14,
 * `extractSyncdPatches` in `Utils/chat-utils.js`). Its download has no listener for errors, so a reset connection would end the
 * process (`downloadEncryptedContent` in `Utils/messages-media.js`). Baileys gets a reference to a file that only exists in
 * memory, and no other file.
 */
export class Snapshots {
  readonly #files = new Map<string, Buffer>();
  readonly #agent = new FetchAgent();

  /** The `fetch` options for Baileys. */
  readonly options: RequestInit;

  constructor() {
    const composed = this.#agent.compose((dispatch) => (options, handler) => {
      if (options.method !== "GET") return dispatch(options, handler);
      this.#serve(options.path, handler);
      return true;
    });
    // The `fetch` of Node.js uses an older dispatcher interface than the installed undici.
    const dispatcher: Dispatcher = new Dispatcher1Wrapper(composed) as unknown as Dispatcher;
    this.options = { dispatcher } as unknown as RequestInit;
  }

  /** Returns a reference to the snapshot, which can be used once. */
  async offer(snapshot: proto.ISyncdSnapshot): Promise<Uint8Array> {
    const mediaKey = randomBytes(32);
    const { cipherKey, iv } = await getMediaKeys(mediaKey, "md-app-state");
    const cipher = createCipheriv("aes-256-cbc", cipherKey, iv);
    const plaintext = proto.SyncdSnapshot.encode(snapshot).finish();
    const directPath = `/snapshot/${randomUUID()}`;
    this.#files.set(directPath, Buffer.concat([cipher.update(plaintext), cipher.final(), Buffer.alloc(macBytes)]));
    return proto.ExternalBlobReference.encode({ mediaKey, directPath }).finish();
  }

  /** Forgets the snapshots that nobody used. */
  close(): void {
    this.#files.clear();
    void this.#agent.close();
  }

  #serve(path: string, handler: Dispatcher.DispatchHandler): void {
    const controller = new Served();
    const file = this.#files.get(path);
    this.#files.delete(path);
    handler.onRequestStart?.(controller, {});
    if (!file) {
      handler.onResponseError?.(controller, new Error("Baileys may not download files from WhatsApp"));
      return;
    }
    handler.onResponseStart?.(controller, 200, { "content-length": String(file.length) }, "OK");
    handler.onResponseData?.(controller, file);
    handler.onResponseEnd?.(controller, {});
  }
}

/** The controller of a response that is complete from the beginning. */
class Served implements Dispatcher.DispatchController {
  readonly aborted = false;
  readonly paused = false;
  readonly reason = null;
  abort(): void {}
  pause(): void {}
  resume(): void {}
}
