import {
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  type WAPatchName,
  type WASocket,
} from "@whiskeysockets/baileys";
import { AppError } from "../../core/error.ts";
import { within } from "../../core/timeout.ts";

/** Must be below 60 s. After 60 s, Baileys treats a missing answer as success. */
const answerTimeoutMs = 25_000;
/** A retry is needed only if another device changes the same collection within one round trip. */
const maxTries = 4;

/**
 * Changes the app state with `send`, which calls Baileys. WhatsApp refuses a patch if another device changed the
 * collection first. Baileys does not notice the refusal and keeps a wrong version of the collection. The collection is
 * therefore read again, and `send` is repeated. Throws `unavailable`, `conflict`, `whatsapp_error` or
 * `outcome_unknown`. Errors of the connection pass through.
 */
export async function patchAppState(sock: WASocket, collection: WAPatchName, send: () => Promise<void>): Promise<void> {
  if (!sock.authState.creds.myAppStateKeyId) {
    throw new AppError("unavailable", "the phone has not shared the keys for the app state yet: try again in a moment");
  }
  for (let tries = 0; tries < maxTries; tries++) {
    let refused = false;
    const onAnswer = (answer: BinaryNode) => {
      refused ||= refusedCollections(answer).includes(collection);
    };
    sock.ws.on("CB:iq,,sync", onAnswer);
    try {
      await awaitAnswer(send());
    } finally {
      sock.ws.off("CB:iq,,sync", onAnswer);
    }
    if (!refused) return;
    await sock.authState.keys.set({ "app-state-sync-version": { [collection]: null } });
  }
  throw new AppError("conflict", "another device of the account is changing the same data; try again");
}

/** Returns the collections whose patches WhatsApp refused. */
function refusedCollections(answer: BinaryNode): string[] {
  return getBinaryNodeChildren(getBinaryNodeChild(answer, "sync"), "collection").flatMap(({ attrs }) =>
    attrs.type === "error" && attrs.name ? [attrs.name] : [],
  );
}

/**
 * Waits for WhatsApp's answer. Throws `outcome_unknown` if WhatsApp does not answer, and `whatsapp_error` for a
 * refusal.
 */
async function awaitAnswer(work: Promise<void>): Promise<void> {
  const late = () =>
    new AppError("outcome_unknown", "WhatsApp did not answer, so it is unknown whether WhatsApp made the change");
  try {
    await within(answerTimeoutMs, work, late);
  } catch (error) {
    // Baileys puts the code of a refusal into `data`.
    const { data } = error as { data?: unknown };
    if (typeof data !== "number") throw error;
    throw new AppError("whatsapp_error", `${(error as Error).message} (${data})`, { cause: error });
  }
}
