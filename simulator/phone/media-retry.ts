import { randomBytes } from "node:crypto";
import type { Endpoint } from "../model/account.ts";
import { proto } from "../wire/baileys.ts";
import { readContent } from "../wire/content.ts";
import { gcmDecrypt, gcmEncrypt, hkdf } from "../wire/crypto.ts";
import { type BinaryNode, bytes, child, node } from "../wire/node.ts";
import type { PhoneBase } from "./base.ts";
import type { InboxMessage } from "./mailbox/inbox.ts";

const { ResultType } = proto.MediaRetryNotification;

/**
 * Answers a `server-error` receipt of a companion, which asks for a file that is gone from the media host: uploads the
 * file again and sends its new path, encrypted with a key from the media key. A file that the phone does not have is
 * refused with an error code of `MediaRetryNotification.ResultType`. Source: `SendMediaRetryReceipt` and
 * `DecryptMediaRetryNotification` in whatsmeow's mediaretry.go.
 */
export function answerMediaRetry(phone: PhoneBase, request: BinaryNode, companion: Endpoint): void {
  if (phone.mediaRetry === "ignore") return;
  const { id = "" } = request.attrs;
  const rmr = child(request, "rmr");
  const message = messageOf(phone, id, rmr);
  const media = message && readContent(message).media;
  const file = phone.files.get(id);
  const respond = (content: BinaryNode) => answer(phone, companion, request, content);
  if (phone.mediaRetry === "refuse" || !media || !file) {
    respond(refusal(ResultType.NOT_FOUND));
    return;
  }
  const encrypted = child(request, "encrypt");
  const [ciphertext, iv] = [bytes(child(encrypted, "enc_p")), bytes(child(encrypted, "enc_iv"))];
  try {
    const asked = proto.ServerErrorReceipt.decode(
      gcmDecrypt(retryKey(media.mediaKey), iv ?? Buffer.alloc(12), ciphertext ?? Buffer.alloc(0), Buffer.from(id)),
    );
    if (asked.stanzaId !== id) throw new Error(`the request is for ${asked.stanzaId}`);
  } catch (error) {
    phone.errors.push(new Error(`a request to upload the file of ${id} again is malformed: ${error}`));
    respond(refusal(ResultType.DECRYPTION_ERROR));
    return;
  }
  respond(uploaded(phone, id, file, media.mediaKey));
}

/** Uploads a file again without a request of this moment, as a phone does that was offline when it was asked. */
export function uploadLate(phone: PhoneBase, message: InboxMessage, companion: Endpoint): void {
  const file = phone.files.get(message.id);
  if (!file || !message.media) throw new Error(`the phone has no file of the message ${message.id}`);
  const rmr = node("rmr", { jid: message.replyTo.to, from_me: "false", participant: message.replyTo.participant });
  const request = node("receipt", { id: message.id }, [rmr]);
  answer(phone, companion, request, uploaded(phone, message.id, file, message.media.mediaKey));
}

function uploaded(phone: PhoneBase, id: string, file: Buffer, mediaKey: Uint8Array): BinaryNode {
  const directPath = phone.world.media.put("again", file);
  const plaintext = proto.MediaRetryNotification.encode({
    stanzaId: id,
    directPath,
    result: ResultType.SUCCESS,
  }).finish();
  const iv = randomBytes(12);
  const sealed = gcmEncrypt(retryKey(mediaKey), iv, plaintext, Buffer.from(id));
  return node("encrypt", {}, [node("enc_p", {}, sealed), node("enc_iv", {}, iv)]);
}

const retryKey = (mediaKey: Uint8Array) => hkdf(mediaKey, 32, { info: "WhatsApp Media Retry Notification" });

const refusal = (code: number) => node("error", { code: String(code) });

/** Returns the message that the request names by its chat, its author and its id. */
function messageOf(phone: PhoneBase, id: string, rmr: BinaryNode | undefined): proto.IMessage | undefined {
  const { jid = "", from_me: fromMe, participant } = rmr?.attrs ?? {};
  if (fromMe === "true") return phone.sent.get(id)?.message;
  const { world } = phone;
  const chat = world.accountOf(jid)?.pnJid ?? jid;
  const author = world.accountOf(participant ?? jid)?.pnJid;
  return phone.inbox.messages.find((one) => one.id === id && one.chat === chat && one.from === author)?.message;
}

function answer(phone: PhoneBase, companion: Endpoint, request: BinaryNode, content: BinaryNode): void {
  const { id } = request.attrs;
  const rmr = node("rmr", { ...child(request, "rmr")?.attrs });
  const attrs = { from: phone.jid, id, type: "mediaretry", t: phone.world.seconds };
  companion.deliver(node("notification", attrs, [content, rmr]));
}
