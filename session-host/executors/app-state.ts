import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren, type WASocket } from "@whiskeysockets/baileys";
import { AppError } from "../../core/error.ts";

/** Baileys takes a silence of 60 s for WhatsApp's consent. */
const patienceMs = 25_000;
/** Each time another device must have been quicker within one round trip. */
const maxTries = 4;

/**
 * Changes the app state as `send` has Baileys do it. Baileys does not look whether WhatsApp takes the patch, which it does not when
 * another device was quicker: then all of the collection is read again, as what Baileys has stored of it is wrong now, and `send`
 * is done once more. Throws `unavailable`, `conflict`, `whatsapp_error` and `outcome_unknown`; an error of the connection stays what it
 * is.
 */
export async function patch(sock: WASocket, collection: "regular", send: () => Promise<void>): Promise<void> {
  if (!sock.authState.creds.myAppStateKeyId) {
    throw new AppError(
      "unavailable",
      "the phone has not handed out the keys yet that this needs; try again in a moment",
    );
  }
  for (let tries = 0; tries < maxTries; tries++) {
    let refused = false;
    const listen = (answer: BinaryNode) => {
      refused ||= refusals(answer).includes(collection);
    };
    sock.ws.on("CB:iq,,sync", listen);
    try {
      await inTime(send());
    } finally {
      sock.ws.off("CB:iq,,sync", listen);
    }
    if (!refused) return;
    await sock.authState.keys.set({ "app-state-sync-version": { [collection]: null } });
  }
  throw new AppError("conflict", "another device of the account changes the same things at this moment; try again");
}

/** The collections of which WhatsApp does not take a patch. */
function refusals(answer: BinaryNode): string[] {
  return getBinaryNodeChildren(getBinaryNodeChild(answer, "sync"), "collection").flatMap(({ attrs }) =>
    attrs.type === "error" && attrs.name ? [attrs.name] : [],
  );
}

async function inTime(work: Promise<void>): Promise<void> {
  const { promise: silence, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new AppError("outcome_unknown", "WhatsApp did not answer; whether it was done is not known")),
    patienceMs,
  );
  try {
    await Promise.race([work, silence]);
  } catch (error) {
    // Baileys puts the code there with which WhatsApp refuses.
    const { data } = error as { data?: unknown };
    if (typeof data !== "number") throw error;
    throw new AppError("whatsapp_error", `${(error as Error).message} (${data})`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
