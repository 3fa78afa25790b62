import { proto } from "@whiskeysockets/baileys";
import { boundCount, maxInteger } from "../../../core/bound.ts";
import { isLidJid } from "../../../core/message/recipient.ts";
import { isPhoneJid, personOf, unixSeconds } from "../../baileys/address/jids.ts";
import type { ChatTimer } from "../../ledger/change.ts";
import type { Address, MessageOrigin } from "../message/address.ts";
import { scanContext } from "./scan.ts";

const { Type } = proto.Message.ProtocolMessage;

/** A timer, and when it was set, in Unix seconds. */
type Timer = Pick<ChatTimer, "seconds" | "setAt">;

/** Only in a chat with one person do messages report the timer. WhatsApp itself reports the timers of groups. */
const hasOwnTimer = (chatId: string) => isPhoneJid(chatId) || isLidJid(chatId);

/**
 * Returns the timer that a message in a chat with one person reports, or undefined. Each message carries the timer of
 * its sender. Sources: Baileys#2709, `ContextInfo` in WhatsApp's protobuf.
 */
export function reportedTimer(message: proto.IMessage, chatId: string, seconds: number): ChatTimer | undefined {
  if (!hasOwnTimer(chatId)) return undefined;
  const info = scanContext(message).infos.find(
    ({ expiration, ephemeralSettingTimestamp }) => (expiration ?? 0) > 0 || Number(ephemeralSettingTimestamp ?? 0) > 0,
  );
  const timer = info && timerOf(info.expiration, info.ephemeralSettingTimestamp, seconds);
  return timer && { chatId, ...timer, change: null };
}

/**
 * Returns the timer that a person sets in the chat, or undefined if the message does not set one. Source:
 * `EPHEMERAL_SETTING` in Baileys' Utils/process-message.js, `SetDisappearingTimer` in whatsmeow's send.go.
 */
export function setTimer(
  protocol: proto.Message.IProtocolMessage,
  address: Address,
  { me, seconds }: MessageOrigin,
): ChatTimer | undefined {
  const { fromMe, chatId, senderId, senderLid } = address;
  if (protocol.type !== Type.EPHEMERAL_SETTING || !hasOwnTimer(chatId)) return undefined;
  const timer = timerOf(protocol.ephemeralExpiration ?? 0, protocol.ephemeralSettingTimestamp, seconds);
  const by = fromMe ? personOf(me.id, me.lid) : personOf(senderId, senderLid ?? undefined);
  return timer && { chatId, ...timer, change: { by, fromMe } };
}

/** Limits the time to that of the stanza: a time in the future would make later changes look old. */
function timerOf(expiration: unknown, setAt: unknown, stanzaSeconds: number): Timer | undefined {
  const seconds = boundCount(expiration ?? 0, maxInteger);
  if (seconds === null) return undefined;
  const claimed = Number(setAt ?? 0);
  return { seconds, setAt: claimed > 0 ? Math.min(unixSeconds(claimed), stanzaSeconds) : stanzaSeconds };
}
