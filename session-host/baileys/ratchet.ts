import { createRequire } from "node:module";

/** libsignal's `SessionEntry`: one ratchet of a record that may hold several. */
interface Entry {
  serialize(): object;
}

interface EntryClass {
  deserialize(data: object): Entry;
}

interface SessionCipher {
  doDecryptWhisperMessage: ((message: Buffer, session: Entry) => Promise<Buffer>) & { keepsRatchet?: true };
}

const require = createRequire(import.meta.url);

/**
 * libsignal tries a message on each session of a contact in turn, and steps a session's ratchet before it has checked the
 * MAC (6.0.0, `session_cipher.js`, `maybeStepRatchet`). A message of an older session thus ruins the newer one that is tried first:
 * neither side then reads the other, until retries have built yet another. Baileys opens new sessions with everybody whenever
 * it looks up devices, so after each restart messages under way meet this. Here a session on which a message fails stays as it was.
 * For the whole process; idempotent.
 */
export function keepRatchetsThatFail(): void {
  const { prototype } = require("libsignal/src/session_cipher.js") as { prototype: SessionCipher };
  const original = prototype.doDecryptWhisperMessage;
  if (original.keepsRatchet) return;
  const kept = async function (this: SessionCipher, message: Buffer, session: Entry): Promise<Buffer> {
    const before = session.serialize();
    try {
      return await original.call(this, message, session);
    } catch (error) {
      for (const field of Object.keys(session)) Reflect.deleteProperty(session, field);
      Object.assign(session, (session.constructor as unknown as EntryClass).deserialize(before));
      throw error;
    }
  };
  prototype.doDecryptWhisperMessage = Object.assign(kept, { keepsRatchet: true as const });
}
