import {
  type BaileysEventMap,
  decryptMediaRetryData,
  encryptMediaRetryRequest,
  proto,
  type WASocket,
} from "@whiskeysockets/baileys";

/** How long each request waits for the phone, in milliseconds. After the last one, the file counts as lost. */
export const reuploadWaitsMs: readonly number[] = [30_000, 60_000, 120_000];

/** The part of a connection that is needed to ask the phone for a file. */
export type ReuploadSocket = Pick<WASocket, "ev" | "sendNode" | "user">;

type MediaUpdate = BaileysEventMap["messages.media-update"][number];

/** The message of a file that is gone from WhatsApp's media host. */
export interface GoneFile {
  waId: string;
  /** JID of the chat, and of the author if the chat has several members. */
  chat: string;
  participant: string | undefined;
  fromMe: boolean;
  mediaKey: Uint8Array;
}

/** The phone does not have the file, or can't upload it. */
export class ReuploadRefused extends Error {}

const { ResultType } = proto.MediaRetryNotification;

/**
 * Asks the owner's phone to upload the file of a message again. Returns the new direct path, or undefined if the phone
 * does not answer in time, because it may be offline. Throws `ReuploadRefused`.
 *
 * Baileys' `updateMediaMessage` (7.0.0-rc14, Socket/messages-send.ts) is not used, because it waits without a limit.
 * Source: also `SendMediaRetryReceipt` in whatsmeow's mediaretry.go.
 */
export async function askPhone(sock: ReuploadSocket, file: GoneFile, waitMs: number): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const listener = (updates: readonly MediaUpdate[]) => {
    const update = updates.find(({ key }) => key.id === file.waId);
    if (!update) return;
    try {
      resolve(pathIn(update, file.waId, file.mediaKey));
    } catch (error) {
      reject(error);
    }
  };
  const timer = setTimeout(() => resolve(undefined), waitMs);
  sock.ev.on("messages.media-update", listener);
  try {
    const { waId: id, chat: remoteJid, fromMe, participant } = file;
    const key = { id, remoteJid, fromMe, ...(participant !== undefined && { participant }) };
    const request = encryptMediaRetryRequest(key, Buffer.from(file.mediaKey), sock.user?.id ?? "");
    const [path] = await Promise.all([promise, sock.sendNode(request).catch(reject)]);
    return path;
  } finally {
    clearTimeout(timer);
    sock.ev.off("messages.media-update", listener);
  }
}

/** Returns the direct path in the phone's answer. Throws `ReuploadRefused`. */
export function pathIn(update: MediaUpdate, waId: string, mediaKey: Uint8Array): string {
  if (update.error || !update.media) throw new ReuploadRefused("the phone does not have the file any more");
  const { result, directPath } = answerIn(update.media, waId, mediaKey);
  if (result === ResultType.SUCCESS && directPath) return directPath;
  throw new ReuploadRefused(`the phone did not upload the file again (${ResultType[result ?? 0]})`);
}

function answerIn(media: NonNullable<MediaUpdate["media"]>, waId: string, mediaKey: Uint8Array) {
  try {
    return decryptMediaRetryData(media, mediaKey, waId);
  } catch (error) {
    throw new ReuploadRefused("the phone's answer can't be decrypted", { cause: error });
  }
}
