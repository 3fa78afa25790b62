import { sha256 } from "../crypto/index.ts";

/** Where the file of a message stands in the bucket. The id is WhatsApp's and so perhaps a stranger's choice: an odd one is hashed. */
export function mediaKey(instanceId: string, waId: string): string {
  return `media/${instanceId}/${/^[A-Za-z0-9_-]{1,128}$/.test(waId) ? waId : sha256(waId).toString("hex")}`;
}

/** Prefix of all that is kept for an instance. */
export const mediaPrefix = (instanceId: string) => `media/${instanceId}/`;

/** WhatsApp's own limit for documents is 2 GB; ours keeps a host's disk safe. Bytes. */
export const maxMediaBytes = 100 * 1024 * 1024;
