import { EventEmitter } from "node:events";
import { type BaileysEventMap, type BinaryNode, proto } from "@whiskeysockets/baileys";
import { describe, expect, test } from "vitest";
import { askPhone, ReuploadRefused, type ReuploadSocket } from "../../../session-host/media/reupload.ts";
import { gcmEncrypt, hkdf } from "../../../simulator/wire/crypto.ts";

type Update = BaileysEventMap["messages.media-update"][number];
const { ResultType } = proto.MediaRetryNotification;
const mediaKey = Buffer.alloc(32, 7);
const file = { waId: "3EB0A", chat: "49@s.whatsapp.net", participant: undefined, fromMe: false, mediaKey };
const key = { id: file.waId, remoteJid: file.chat, fromMe: false };

/** Asks a phone that gives these answers, one after the other. */
async function ask(answers: Update[], waitMs = 10_000) {
  const events = new EventEmitter();
  const sent: BinaryNode[] = [];
  const sendNode = async (stanza: BinaryNode) => {
    sent.push(stanza);
    for (const answer of answers) events.emit("messages.media-update", [answer]);
  };
  const sock = { ev: events, sendNode, user: { id: "1:2@s.whatsapp.net" } } as unknown as ReuploadSocket;
  const path = await askPhone(sock, file, waitMs).catch((error: unknown) => error);
  return { path, sent, listeners: events.listenerCount("messages.media-update") };
}

function answer(result: proto.MediaRetryNotification.ResultType, directPath = "", withKey = mediaKey): Update {
  const plaintext = proto.MediaRetryNotification.encode({ stanzaId: key.id, result, directPath }).finish();
  const iv = Buffer.alloc(12, 1);
  const secret = hkdf(withKey, 32, { info: "WhatsApp Media Retry Notification" });
  return { key, media: { ciphertext: gcmEncrypt(secret, iv, plaintext, Buffer.from(key.id)), iv } };
}

describe("a request to the phone to upload a file again", () => {
  test("returns the new path, and ignores answers about other messages", async () => {
    const other = { ...answer(ResultType.NOT_FOUND), key: { ...key, id: "3EB0B" } };
    const { path, sent, listeners } = await ask([other, answer(ResultType.SUCCESS, "/v/new.enc")]);
    expect(path).toBe("/v/new.enc");
    expect(listeners).toBe(0);
    expect(sent).toMatchObject([
      { tag: "receipt", attrs: { id: file.waId, to: "1@s.whatsapp.net", type: "server-error" } },
    ]);
  });

  test("ends without a path if the phone does not answer in time", async () => {
    expect(await ask([], 1)).toMatchObject({ path: undefined, listeners: 0 });
  });

  test.each([
    ["the phone does not have the file", answer(ResultType.NOT_FOUND)],
    ["the phone refuses without a reason", { key, error: new Error("404") } as unknown as Update],
    ["the answer has no path", answer(ResultType.SUCCESS)],
    ["the answer is not from the phone", answer(ResultType.SUCCESS, "/v/new.enc", Buffer.alloc(32, 8))],
  ])("fails if %s", async (_name, update) => {
    const { path, listeners } = await ask([update]);
    expect(path).toBeInstanceOf(ReuploadRefused);
    expect(listeners).toBe(0);
  });
});
