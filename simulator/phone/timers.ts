import { proto } from "../wire/baileys.ts";
import { unwrap } from "../wire/content.ts";

/** A timer for disappearing messages. `setAt` is in seconds since the epoch. */
export type ChatTimer = { seconds: number; setAt: number };

const { EPHEMERAL_SETTING } = proto.Message.ProtocolMessage.Type;

/** Parts of a message that have no timer of their own. */
const WITHOUT_TIMER = ["protocolMessage", "reactionMessage", "pollUpdateMessage", "encEventResponseMessage"] as const;

/**
 * The timers of a phone's chats with one person. Either person sets the timer with a message, and each message of both
 * carries it. Sources: `SetDisappearingTimer` in whatsmeow's send.go, Baileys#2709.
 */
export class Timers {
  readonly #byChat: Map<string, ChatTimer>;

  constructor(saved: Iterable<[string, ChatTimer]> = []) {
    this.#byChat = new Map(saved);
  }

  entries(): [string, ChatTimer][] {
    return [...this.#byChat];
  }

  set(chat: string, timer: ChatTimer): void {
    this.#byChat.set(chat, timer);
  }

  /** Sets the timer if the message sets one. */
  note(chat: string, message: proto.IMessage, timestamp: number): void {
    const { protocolMessage: protocol } = unwrap(message);
    if (protocol?.type !== EPHEMERAL_SETTING) return;
    this.set(chat, {
      seconds: protocol.ephemeralExpiration ?? 0,
      setAt: Number(protocol.ephemeralSettingTimestamp ?? 0) || timestamp,
    });
  }

  /** Returns the message with the timer of its chat. Messages that state a timer themselves keep it. */
  apply(chat: string, message: proto.IMessage): proto.IMessage {
    const timer = this.#byChat.get(chat);
    if (!timer?.seconds || WITHOUT_TIMER.some((field) => unwrap(message)[field])) return message;
    const stated = { expiration: timer.seconds, ephemeralSettingTimestamp: timer.setAt };
    if (message.conversation) return { extendedTextMessage: { text: message.conversation, contextInfo: stated } };
    const parts = Object.entries(message).map(([field, part]) =>
      /Message(?:V\d)?$/.test(field) && field !== "senderKeyDistributionMessage" && part
        ? [field, { ...part, contextInfo: { ...stated, ...part.contextInfo } }]
        : [field, part],
    );
    return Object.fromEntries(parts);
  }
}

/** Returns the message that sets the timer of a chat. */
export const timerSetting = ({ seconds, setAt }: ChatTimer): proto.IMessage => ({
  protocolMessage: { type: EPHEMERAL_SETTING, ephemeralExpiration: seconds, ephemeralSettingTimestamp: setAt },
});
