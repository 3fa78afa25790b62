import { randomBytes } from "node:crypto";
import { proto } from "../wire/baileys.ts";
import { EDIT } from "../wire/content.ts";
import { gcmEncrypt } from "../wire/crypto.ts";
import { isGroupJid, LID_SERVER, PN_SERVER } from "../wire/jid.ts";
import type { Addressing, PhoneBase } from "./base.ts";
import { applyReaction } from "./mailbox/fate.ts";
import { chatOf, messageKeyOf, type Target } from "./mailbox/key.ts";
import type { SentMessage } from "./mailbox/sent.ts";
import type { Sender, SendOptions } from "./sender.ts";
import { creatorOf, responseKey, type SealedKind } from "./survey-response.ts";

/** The durations that WhatsApp's apps offer for a pin, in seconds: a day, a week, 30 days. */
export const PIN_SECONDS = [86_400, 604_800, 2_592_000] as const;

/** `PinInChatMessage.Type` and `KeepType` in WAProto. */
const SET = 1;
const UNSET = 2;

/**
 * Returns a new secret for `messageContextInfo`. WhatsApp's apps put one into each message (whatsmeow, send.go,
 * `MessageSecret`), and seal edits and other changes of the message with it.
 */
export const newSecret = (): Buffer => randomBytes(32);

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

  /**
   * Edits a message with a sealed edit, as WhatsApp's apps do since May 2026 (Baileys#2541, #2547). A text replaces a
   * text; a whole message replaces any message, for example a poll or calendar event.
   */
  sealedEdit(sent: Target, edited: string | proto.IMessage, options: SealedOptions = {}): Promise<SentMessage> {
    const editedMessage = typeof edited === "string" ? { conversation: edited } : edited;
    sent.text = typeof edited === "string" ? edited : sent.text;
    sent.edited = true;
    const [kind, secretEncType] = editKindOf(editedMessage);
    const timestampMs = options.at ?? this.#phone.world.clock();
    const protocolMessage = { key: messageKeyOf(sent), type: EDIT, editedMessage, timestampMs };
    const plaintext = proto.Message.encode({ protocolMessage }).finish();
    const targetMessageKey = messageKeyOf(sent);
    const sealed = this.#seal(sent, { kind, plaintext }, options);
    const message = { secretEncryptedMessage: { targetMessageKey, ...sealed, secretEncType } };
    return this.#sender.send(chatOf(sent), message, { edit: "1", ...sendOptions(options) });
  }

  /**
   * Reacts with a sealed reaction, as members do in the announcement group of a community. Source: whatsmeow,
   * msgsecret.go, `EncryptReaction`.
   */
  sealedReaction(message: Target, emoji: string, options: SealedOptions = {}): Promise<SentMessage> {
    applyReaction(message, this.#phone.jid, emoji);
    const reaction = { text: emoji, senderTimestampMs: options.at ?? this.#phone.world.clock() };
    const plaintext = proto.Message.ReactionMessage.encode(reaction).finish();
    const sealed = this.#seal(message, { kind: "Enc Reaction", plaintext }, options);
    const encReactionMessage = { targetMessageKey: messageKeyOf(message), ...sealed };
    return this.#sender.send(chatOf(message), { encReactionMessage }, { type: "reaction", ...sendOptions(options) });
  }

  /** Comments on a message of an announcement group. Source: whatsmeow, msgsecret.go, `EncryptComment`. */
  sealedComment(message: Target, text: string, options: SealedOptions = {}): Promise<SentMessage> {
    const plaintext = proto.Message.encode({ conversation: text }).finish();
    const sealed = this.#seal(message, { kind: "Enc Comment", plaintext }, options);
    const encCommentMessage = { targetMessageKey: messageKeyOf(message), ...sealed };
    return this.#sender.send(chatOf(message), { encCommentMessage }, sendOptions(options));
  }

  #seal(target: Target, { kind, plaintext }: { kind: SealedKind; plaintext: Uint8Array }, options: SealedOptions) {
    const addressing = isGroupJid(chatOf(target)) ? "lid" : (options.addressing ?? this.#phone.addressing);
    const jids = {
      creator: creatorOf(this.#phone, target).jid(server(options.names?.creator ?? addressing)),
      responder: this.#phone.account.jid(server(options.names?.responder ?? addressing)),
    };
    const { key, aad } = responseKey(target, jids, kind);
    const encIv = randomBytes(12);
    return { encPayload: gcmEncrypt(key, encIv, plaintext, aad), encIv };
  }
}

export type SealedOptions = SendOptions & {
  /** Which JIDs of the two accounts the key depends on. Default: those on the envelope. */
  names?: { creator: Addressing; responder: Addressing };
  /** Time of the change in milliseconds since the epoch. Default: now. */
  at?: number;
};

const server = (addressing: Addressing): string => (addressing === "lid" ? LID_SERVER : PN_SERVER);
const sendOptions = ({ names: _, at: __, ...options }: SealedOptions): SendOptions => options;

/** Returns the use of the secret, and the `SecretEncType` in whatsmeow's WAProto. */
function editKindOf({ eventMessage, ...message }: proto.IMessage): [SealedKind, number] {
  if (eventMessage) return ["Event Edit", 1];
  const isPoll = message.pollCreationMessage ?? message.pollCreationMessageV3;
  return isPoll ? ["Poll Edit", 4] : ["Message Edit", 2];
}
