import { createDecipheriv, hkdfSync } from "node:crypto";
import type { TargetMessage } from "../../../core/message/about.ts";
import { isLidJid } from "../../../core/message/recipient.ts";
import { plainJid } from "../../baileys/address/jids.ts";
import { openPayload } from "../content/stored.ts";
import type { Address, Me } from "./address.ts";
import { type LidMapping, ownJids } from "./note.ts";

/** Something about a message that is encrypted with a key from that message. */
export interface Sealed {
  /** WhatsApp's id of that message. */
  waId: string;
  encPayload: Uint8Array;
  encIv: Uint8Array;
}

/** The uses of a message's secret. Source: whatsmeow, msgsecret.go, `MsgSecretType`. */
export type SecretUse = "Message Edit" | "Event Edit" | "Poll Edit" | "Enc Reaction" | "Enc Comment";

const tagBytes = 16;
/** AES-GCM with another size of the IV is not used. Source: whatsmeow, msgsecret.go, `encryptMsgSecret`. */
const ivBytes = 12;
/** An edit contains the whole message, with its thumbnail. */
const maxSealedBytes = 1024 * 1024;

/**
 * Decrypts something about a message. Returns undefined if the message has no secret, or if the plaintext is not
 * authentic. The key depends on one JID of the author and one of the sender, and the message does not name which ones.
 * Unlike votes, nothing else is authenticated. Source: whatsmeow, msgsecret.go, `generateMsgSecretKey`.
 */
export function openSealed(
  { waId, encPayload, encIv }: Sealed,
  { secret, pairs, use }: { secret: Uint8Array | undefined; pairs: readonly JidPair[]; use: SecretUse },
): Uint8Array | undefined {
  if (!secret?.length || encIv.length !== ivBytes) return undefined;
  if (encPayload.length <= tagBytes || encPayload.length > maxSealedBytes) return undefined;
  for (const { author, sender } of pairs) {
    const key = Buffer.from(hkdfSync("sha256", secret, "", `${waId}${author}${sender}${use}`, 32));
    const decipher = createDecipheriv("aes-256-gcm", key, encIv);
    decipher.setAuthTag(encPayload.subarray(-tagBytes));
    try {
      return Buffer.concat([decipher.update(encPayload.subarray(0, -tagBytes)), decipher.final()]);
    } catch {
      // Either the key depends on other JIDs, or the message is forged. Authenticated encryption can't distinguish these
      // two cases.
    }
  }
  return undefined;
}

export interface JidPair {
  /** A JID of the author of the message, and one of the sender of what is about the message. */
  author: string;
  sender: string;
}

/** Returns the secret of a message. */
export function secretOf({ payload }: TargetMessage): Uint8Array | undefined {
  const secret = payload && openPayload(payload).info.messageSecret;
  return secret?.length ? secret : undefined;
}

/** Returns all pairs of JIDs that the key may depend on. */
export async function jidPairs(
  {
    me,
    target,
    address,
  }: { me: Me; target: TargetMessage; address: Pick<Address, "fromMe" | "senderId" | "senderLid"> },
  lidMapping: LidMapping,
): Promise<JidPair[]> {
  const own = ownJids(me);
  const authors = target.fromMe ? own : await allJids([target.senderId, target.senderLid], lidMapping);
  const senders = address.fromMe ? own : await allJids([address.senderId, address.senderLid], lidMapping);
  return authors.flatMap((author) => senders.map((sender) => ({ author, sender })));
}

const uniqueJids = (jids: readonly (string | null | undefined)[]): string[] => [
  ...new Set(jids.map(plainJid).filter(Boolean)),
];

/** Returns a person's JIDs by phone number and by LID, as far as they are known. */
async function allJids(jids: readonly (string | null)[], lidMapping: LidMapping): Promise<string[]> {
  const known = uniqueJids(jids);
  const others = await Promise.all(
    known.map((jid) => (isLidJid(jid) ? lidMapping.getPNForLID(jid) : lidMapping.getLIDForPN(jid))),
  );
  return uniqueJids([...known, ...others]);
}
