import { randomBytes } from "node:crypto";
import { cbcDecrypt, cbcEncrypt, hkdf, hmac, sha256 } from "./crypto.ts";

export type MediaKind = "image" | "video" | "audio" | "document" | "sticker" | "history" | "app-state" | "ptv" | "link";

/** The HKDF info of each kind: `MEDIA_HKDF_KEY_MAPPING` in Baileys' Defaults. */
const INFO: Record<MediaKind, string> = {
  image: "WhatsApp Image Keys",
  video: "WhatsApp Video Keys",
  ptv: "WhatsApp Video Keys",
  audio: "WhatsApp Audio Keys",
  document: "WhatsApp Document Keys",
  sticker: "WhatsApp Image Keys",
  history: "WhatsApp History Keys",
  "app-state": "WhatsApp App State Keys",
  link: "WhatsApp Link Thumbnail Keys",
};

const MAC_BYTES = 10;

export type SealedMedia = {
  ciphertext: Buffer;
  mediaKey: Buffer;
  fileSha256: Buffer;
  fileEncSha256: Buffer;
  fileLength: number;
};

function keys(mediaKey: Uint8Array, kind: MediaKind) {
  const derived = hkdf(mediaKey, 112, { info: INFO[kind] });
  return { iv: derived.subarray(0, 16), cipherKey: derived.subarray(16, 48), macKey: derived.subarray(48, 80) };
}

/**
 * Encrypts media with AES-256-CBC and appends ten bytes of HMAC-SHA-256.
 * Source: `encryptedStream` in Baileys' Utils/messages-media.ts.
 */
export function sealMedia(plaintext: Buffer, kind: MediaKind): SealedMedia {
  const mediaKey = randomBytes(32);
  const { iv, cipherKey, macKey } = keys(mediaKey, kind);
  const encrypted = cbcEncrypt(cipherKey, iv, plaintext);
  const ciphertext = Buffer.concat([encrypted, hmac(macKey, iv, encrypted).subarray(0, MAC_BYTES)]);
  return {
    ciphertext,
    mediaKey,
    fileSha256: sha256(plaintext),
    fileEncSha256: sha256(ciphertext),
    fileLength: plaintext.length,
  };
}

/** The part of a media message that describes its file. */
export type MediaReference = {
  mediaKey: Uint8Array;
  fileSha256: Uint8Array;
  fileEncSha256: Uint8Array;
  fileLength: number;
};

/** Decrypts media. The message of a link's picture states no length. Throws if a hash, the MAC or the length is wrong. */
export function openMedia(
  ciphertext: Buffer,
  reference: Omit<MediaReference, "fileLength"> & { fileLength?: number },
  kind: MediaKind,
): Buffer {
  const { iv, cipherKey, macKey } = keys(reference.mediaKey, kind);
  if (reference.mediaKey.length === 0) return openPlain(ciphertext, reference);
  if (!sha256(ciphertext).equals(reference.fileEncSha256)) throw new Error("fileEncSha256 does not match the file");
  const encrypted = ciphertext.subarray(0, -MAC_BYTES);
  const mac = hmac(macKey, iv, encrypted).subarray(0, MAC_BYTES);
  if (!mac.equals(ciphertext.subarray(-MAC_BYTES))) throw new Error("the media MAC is wrong");
  const plaintext = cbcDecrypt(cipherKey, iv, encrypted);
  if (!sha256(plaintext).equals(reference.fileSha256)) throw new Error("fileSha256 does not match the file");
  if (reference.fileLength !== undefined && plaintext.length !== reference.fileLength)
    throw new Error("fileLength does not match the file");
  return plaintext;
}

/** Checks the unencrypted file of a channel post. */
function openPlain(file: Buffer, { fileSha256, fileLength }: { fileSha256: Uint8Array; fileLength?: number }): Buffer {
  if (!sha256(file).equals(fileSha256)) throw new Error("fileSha256 does not match the file");
  if (file.length !== fileLength) throw new Error("fileLength does not match the file");
  return file;
}
