import type { PhoneBase } from "./base.ts";
import { chatOf, messageKeyOf, type Target } from "./mailbox/key.ts";
import type { SentMessage } from "./mailbox/sent.ts";
import type { Sender, SendOptions } from "./sender.ts";

/** The durations that WhatsApp's apps offer for a pin, in seconds: a day, a week, 30 days. */
export const PIN_SECONDS = [86_400, 604_800, 2_592_000] as const;

/** `PinInChatMessage.Type` and `KeepType` in WAProto. */
const SET = 1;
const UNSET = 2;

/** What a phone's owner does to messages, besides edits, deletions, reactions and answers. */
export class PhoneAbout {
  readonly #phone: PhoneBase;
  readonly #sender: Sender;

  constructor(phone: PhoneBase, sender: Sender) {
    this.#phone = phone;
    this.#sender = sender;
  }

  /**
   * Pins a message for everyone in its chat, for a day by default. The form is that of Baileys (Utils/messages.ts, `pin`)
   * and of the enc attribute in its Socket/messages-send.ts.
   */
  pin(message: Target, seconds: (typeof PIN_SECONDS)[number] = PIN_SECONDS[0], options: SendOptions = {}) {
    return this.#pin(message, { type: SET, seconds }, options);
  }

  unpin(message: Target, options: SendOptions = {}): Promise<SentMessage> {
    return this.#pin(message, { type: UNSET, seconds: 0 }, options);
  }

  #pin(message: Target, { type, seconds }: { type: number; seconds: number }, options: SendOptions) {
    message.pinned = type === SET;
    const pinInChatMessage = { key: messageKeyOf(message), type, senderTimestampMs: this.#phone.world.clock() };
    const messageContextInfo = { messageAddOnDurationInSecs: seconds };
    return this.#sender.send(chatOf(message), { pinInChatMessage, messageContextInfo }, { edit: "2", ...options });
  }

  /** Keeps a message of a chat whose messages disappear, or stops keeping it. */
  keep(message: Target, kept = true, options: SendOptions = {}): Promise<SentMessage> {
    message.kept = kept;
    const keepInChatMessage = {
      ...{ key: messageKeyOf(message), keepType: kept ? SET : UNSET },
      timestampMs: this.#phone.world.clock(),
    };
    // Source of `edit`: whatsmeow, send.go, `getEditAttribute`.
    return this.#sender.send(chatOf(message), { keepInChatMessage }, { ...(!kept && { edit: "7" }), ...options });
  }
}
