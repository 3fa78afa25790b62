import { createRequire } from "node:module";

/** libsignal's `SessionEntry`: one of the sessions in a contact's record. */
interface Entry {
  serialize(): object;
}

interface EntryClass {
  deserialize(data: object): Entry;
}

interface SessionCipher {
  doDecryptWhisperMessage: ((message: Buffer, session: Entry) => Promise<Buffer>) & { restoresRatchet?: true };
}

const require = createRequire(import.meta.url);

/**
 * Makes libsignal restore a Signal session after a failed attempt to decrypt a message with the session. libsignal
 * tries a message with each session of a contact, and steps the session's ratchet before it checks the MAC (6.0.0,
 * `session_cipher.js`, `maybeStepRatchet`). A message for an older session therefore breaks the newer session, which is
 * tried first. Neither side can then read the other's messages until retries have built another session. Baileys opens
 * a new session with each contact whose devices it looks up, so this affects the messages that are in transit at each
 * restart. Patches libsignal for the whole process. Idempotent.
 */
export function restoreRatchetsOnFailure(): void {
  const { prototype } = require("libsignal/src/session_cipher.js") as { prototype: SessionCipher };
  const original = prototype.doDecryptWhisperMessage;
  if (original.restoresRatchet) return;
  const restoring = async function (this: SessionCipher, message: Buffer, session: Entry): Promise<Buffer> {
    const before = session.serialize();
    try {
      return await original.call(this, message, session);
    } catch (error) {
      for (const field of Object.keys(session)) Reflect.deleteProperty(session, field);
      Object.assign(session, (session.constructor as unknown as EntryClass).deserialize(before));
      throw error;
    }
  };
  prototype.doDecryptWhisperMessage = Object.assign(restoring, { restoresRatchet: true as const });
}
