import type { Clock } from "../../clock.ts";
import type { Vault } from "../../crypto/index.ts";
import { sealedPlace } from "../../crypto/sealed-place.ts";
import { mediaPrefix } from "../../media/index.ts";
import type { MessageMedia } from "../../message/message.sql.ts";

/** How long a link to a file works, in seconds. Longer than a delivery is retried (five days). */
export const fileLinkSeconds = 7 * 24 * 60 * 60;

/** The file of a message, as a link names it. */
export interface LinkedFile {
  instanceId: string;
  /** The id in `mediaKey`. */
  fileId: string;
}

/**
 * Returns a URL of the API that serves the file until `expires`. The token in the query is a ciphertext, so nobody can
 * make or change one. It is not in the path, because access logs contain paths.
 */
export function signFileLink(
  { publicUrl, vault }: { publicUrl: string; vault: Vault },
  { instanceId, storageKey }: { instanceId: string; storageKey: string },
  expires: Date,
): string {
  const fileId = storageKey.slice(mediaPrefix(instanceId).length);
  const seconds = Math.floor(expires.getTime() / 1000);
  const token = vault.seal(Buffer.from(`${seconds} ${instanceId}`), sealedPlace.fileLink(fileId));
  const base = publicUrl.endsWith("/") ? publicUrl.slice(0, -1) : publicUrl;
  return `${base}/api/files/${encodeURIComponent(fileId)}?token=${token.toString("base64url")}`;
}

/** Returns a function that returns a link to the stored file of a message, or null without a file or a public URL. */
export const fileLinks =
  ({ publicUrl, vault, clock }: { publicUrl?: string | undefined; vault: Vault; clock: Clock }) =>
  ({ instanceId, media }: { instanceId: string; media: MessageMedia | null }): string | null => {
    if (!publicUrl || media?.state !== "stored") return null;
    const expires = new Date(clock.now().getTime() + fileLinkSeconds * 1000);
    return signFileLink({ publicUrl, vault }, { instanceId, storageKey: media.storageKey }, expires);
  };

/** Returns the file of a link, or undefined if the link is not valid or has expired. */
export function openFileLink(vault: Vault, link: { fileId: string; token: string }, now: Date): LinkedFile | undefined {
  try {
    const text = vault.open(Buffer.from(link.token, "base64url"), sealedPlace.fileLink(link.fileId)).toString();
    const [seconds = "", instanceId = ""] = text.split(" ");
    return Number(seconds) * 1000 > now.getTime() ? { instanceId, fileId: link.fileId } : undefined;
  } catch {
    // The token was altered or is for another file.
    return undefined;
  }
}
