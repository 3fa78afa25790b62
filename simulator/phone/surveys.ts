import { randomBytes } from "node:crypto";
import { proto } from "../wire/baileys.ts";
import { gcmEncrypt, sha256 } from "../wire/crypto.ts";
import { isGroupJid, LID_SERVER, PN_SERVER } from "../wire/jid.ts";
import type { Addressing, PhoneBase } from "./base.ts";
import { applyResponse } from "./mailbox/fate.ts";
import { chatOf, messageKeyOf } from "./mailbox/key.ts";
import type { SentMessage } from "./mailbox/sent.ts";
import type { Sender, SendOptions } from "./sender.ts";
import {
  ANSWERS,
  creatorOf,
  type EventAnswer,
  type ResponseKind,
  responseKey,
  type Survey,
} from "./survey-response.ts";

/** A poll. `selectable` is how many options a person may choose; 0 means any number. */
export type NewPoll = { question: string; options: string[]; selectable?: number };
/** A calendar event. Times are in seconds since the epoch. */
export type NewEvent = {
  name: string;
  description?: string;
  location?: string;
  startTime: number;
  endTime?: number;
  extraGuestsAllowed?: boolean;
};

export type ResponseOptions = SendOptions & {
  /** Which JIDs of the two accounts the key depends on. Default: those on the envelope. */
  names?: { creator: Addressing; responder: Addressing };
  /** Time of the answer in milliseconds since the epoch. Default: now. */
  at?: number;
};

const IV_BYTES = 12;
const server = (addressing: Addressing): string => (addressing === "lid" ? LID_SERVER : PN_SERVER);

/** Sends and answers the polls and calendar events of a phone. `responses` of a survey contains all answers. */
export class PhoneSurveys {
  readonly #phone: PhoneBase;
  readonly #sender: Sender;

  constructor(phone: PhoneBase, sender: Sender) {
    this.#phone = phone;
    this.#sender = sender;
  }

  poll(to: string, { question, options, selectable = 1 }: NewPoll, send: SendOptions = {}): Promise<SentMessage> {
    const poll = {
      name: question,
      options: options.map((optionName) => ({ optionName })),
      selectableOptionsCount: selectable,
    };
    const field = selectable === 1 ? "pollCreationMessageV3" : "pollCreationMessage";
    return this.#create(to, { [field]: poll }, { type: "poll", ...send });
  }

  event(to: string, { location, ...event }: NewEvent, send: SendOptions = {}): Promise<SentMessage> {
    const eventMessage = { ...event, ...(location !== undefined && { location: { name: location } }) };
    return this.#create(to, { eventMessage }, { type: "event", ...send });
  }

  #create(to: string, message: proto.IMessage, options: SendOptions): Promise<SentMessage> {
    const messageContextInfo = { messageSecret: randomBytes(32) };
    return this.#sender.send(to, { ...message, messageContextInfo }, options);
  }

  /** Votes on a sent or received poll. An empty list withdraws the vote. */
  vote(poll: Survey, chosen: readonly string[], options: ResponseOptions = {}): Promise<SentMessage> {
    const at = options.at ?? this.#phone.world.clock();
    const selectedOptions = chosen.map((option) => sha256(Buffer.from(option)));
    const plaintext = proto.Message.PollVoteMessage.encode({ selectedOptions }).finish();
    applyResponse(poll, { from: this.#phone.jid, choices: [...chosen], guests: 0, at });
    return this.#respond(poll, "Poll Vote", plaintext, options, (vote, key) => ({
      pollUpdateMessage: { pollCreationMessageKey: key, vote, senderTimestampMs: at },
    }));
  }

  /**
   * Answers a calendar event.
   * @param options.guests number of additional guests
   */
  answer(
    event: Survey,
    answer: EventAnswer,
    { guests = 0, ...options }: ResponseOptions & { guests?: number } = {},
  ): Promise<SentMessage> {
    const at = options.at ?? this.#phone.world.clock();
    const response = ANSWERS.indexOf(answer) + 1;
    const content = { response, timestampMs: at, ...(guests > 0 && { extraGuestCount: guests }) };
    const plaintext = proto.Message.EventResponseMessage.encode(content).finish();
    applyResponse(event, { from: this.#phone.jid, choices: [answer], guests, at });
    return this.#respond(event, "Event Response", plaintext, options, (sealed, key) => ({
      encEventResponseMessage: { eventCreationMessageKey: key, ...sealed },
    }));
  }

  #respond(
    survey: Survey,
    kind: ResponseKind,
    plaintext: Uint8Array,
    { names, at: _, ...options }: ResponseOptions,
    wrap: (sealed: proto.Message.IPollEncValue, key: proto.IMessageKey) => proto.IMessage,
  ): Promise<SentMessage> {
    const chat = chatOf(survey);
    const addressing = isGroupJid(chat) ? "lid" : (options.addressing ?? this.#phone.addressing);
    const jids = {
      creator: creatorOf(this.#phone, survey).jid(server(names?.creator ?? addressing)),
      responder: this.#phone.account.jid(server(names?.responder ?? addressing)),
    };
    const { key, aad } = responseKey(survey, jids, kind);
    const encIv = randomBytes(IV_BYTES);
    const sealed = { encPayload: gcmEncrypt(key, encIv, plaintext, aad), encIv };
    const type = kind === "Poll Vote" ? "poll" : "event";
    return this.#sender.send(chat, wrap(sealed, messageKeyOf(survey)), { type, ...options });
  }
}
