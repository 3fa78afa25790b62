import { randomBytes } from "node:crypto";
import type { Account } from "../model/account.ts";
import { proto } from "../wire/baileys.ts";
import { readPoll } from "../wire/content.ts";
import { gcmDecrypt, gcmEncrypt, hkdf, sha256 } from "../wire/crypto.ts";
import { isGroupJid, LID_SERVER, PN_SERVER, userJid } from "../wire/jid.ts";
import { applyResponse } from "./mailbox/fate.ts";
import type { InboxMessage } from "./mailbox/inbox.ts";
import type { SentMessage } from "./mailbox/sent.ts";
import type { Phone } from "./phone.ts";
import type { Addressing, SendOptions } from "./sender.ts";

export const ANSWERS = ["going", "notGoing", "maybe"] as const;
export type EventAnswer = (typeof ANSWERS)[number];

export type NewPoll = { question: string; options: string[] /** 0 for any number. */; selectable?: number };
/** Times in seconds since the epoch. */
export type NewEvent = {
  name: string;
  description?: string;
  location?: string;
  startTime: number;
  endTime?: number;
  extraGuestsAllowed?: boolean;
};

export type ResponseOptions = SendOptions & {
  /** Which names of the two accounts go into the key; those of the envelope by default. */
  names?: { creator: Addressing; responder: Addressing };
  /** When it was said, in milliseconds; now by default. */
  at?: number;
};

type Survey = InboxMessage | SentMessage;
type Use = "Poll Vote" | "Event Response";
const IV_BYTES = 12;
const server = (addressing: Addressing): string => (addressing === "lid" ? LID_SERVER : PN_SERVER);
const NAMES = [PN_SERVER, LID_SERVER].flatMap((creator) => [PN_SERVER, LID_SERVER].map((own) => ({ creator, own })));

/** The polls and events of a phone: it makes them, answers to them, and sees what others answered (`responses`). */
export class PhoneSurveys {
  readonly #phone: Phone;

  constructor(phone: Phone) {
    this.#phone = phone;
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
    return this.#phone.sender.send(to, { ...message, messageContextInfo }, options);
  }

  /** Votes on a poll, of this account or another's. No option at all takes the vote back. */
  vote(poll: Survey, chosen: readonly string[], options: ResponseOptions = {}): Promise<SentMessage> {
    const at = options.at ?? this.#phone.world.clock();
    const selectedOptions = chosen.map((option) => sha256(Buffer.from(option)));
    const plaintext = proto.Message.PollVoteMessage.encode({ selectedOptions }).finish();
    applyResponse(poll, { from: this.#phone.jid, choices: [...chosen], guests: 0, at });
    return this.#respond(poll, "Poll Vote", plaintext, options, (vote, key) => ({
      pollUpdateMessage: { pollCreationMessageKey: key, vote, senderTimestampMs: at },
    }));
  }

  /** Says whether this account comes to an event, and how many come along. */
  answer(
    event: Survey,
    answer: EventAnswer,
    { guests = 0, ...options }: ResponseOptions & { guests?: number } = {},
  ): Promise<SentMessage> {
    const at = options.at ?? this.#phone.world.clock();
    const response = ANSWERS.indexOf(answer) + 1;
    const said = { response, timestampMs: at, ...(guests > 0 && { extraGuestCount: guests }) };
    const plaintext = proto.Message.EventResponseMessage.encode(said).finish();
    applyResponse(event, { from: this.#phone.jid, choices: [answer], guests, at });
    return this.#respond(event, "Event Response", plaintext, options, (sealed, key) => ({
      encEventResponseMessage: { eventCreationMessageKey: key, ...sealed },
    }));
  }

  #respond(
    survey: Survey,
    use: Use,
    plaintext: Uint8Array,
    { names, at: _, ...options }: ResponseOptions,
    wrap: (sealed: proto.Message.IPollEncValue, key: proto.IMessageKey) => proto.IMessage,
  ): Promise<SentMessage> {
    const chat = "chat" in survey ? survey.chat : survey.to;
    const addressing = isGroupJid(chat) ? "lid" : (options.addressing ?? this.#phone.addressing);
    const jids = {
      creator: this.#creator(survey).jid(server(names?.creator ?? addressing)),
      responder: this.#phone.account.jid(server(names?.responder ?? addressing)),
    };
    const { key, aad } = secrets(survey, jids, use);
    const encIv = randomBytes(IV_BYTES);
    const sealed = { encPayload: gcmEncrypt(key, encIv, plaintext, aad), encIv };
    const type = use === "Poll Vote" ? "poll" : "event";
    return this.#phone.sender.send(chat, wrap(sealed, this.#keyOf(survey)), { type, ...options });
  }

  #creator(survey: Survey): Account {
    const { world, account } = this.#phone;
    return "from" in survey ? (world.accountOf(survey.from) ?? account) : account;
  }

  #keyOf(survey: Survey): proto.IMessageKey {
    if (!("replyTo" in survey)) return { remoteJid: survey.address, id: survey.id, fromMe: true };
    const { to, participant } = survey.replyTo;
    const key = { remoteJid: userJid(to), id: survey.id, fromMe: survey.fromMe };
    return participant ? { ...key, participant: userJid(participant) } : key;
  }

  /** Takes what somebody answered to a poll or event that this phone has. What no name opens changes nothing. */
  open(survey: Survey, said: InboxMessage): void {
    const { pollUpdateMessage: vote, encEventResponseMessage: answer } = said.message;
    const sealed = vote?.vote ?? answer;
    const responder = this.#phone.world.accountOf(said.from);
    if (!sealed?.encPayload || !sealed.encIv || !responder || !secretOf(survey)) return;
    const use = vote ? "Poll Vote" : "Event Response";
    const plaintext = this.#decrypt(survey, responder, use, sealed.encPayload, sealed.encIv);
    if (!plaintext) return;
    const common = { from: said.from, guests: 0 };
    if (vote) {
      const chosen = proto.Message.PollVoteMessage.decode(plaintext).selectedOptions.map((hash) =>
        Buffer.from(hash).toString("hex"),
      );
      const choices = (readPoll(survey.message)?.options ?? []).filter((option) =>
        chosen.includes(sha256(Buffer.from(option)).toString("hex")),
      );
      applyResponse(survey, { ...common, choices, at: Number(vote.senderTimestampMs ?? 0) });
      return;
    }
    const { response, extraGuestCount, timestampMs } = proto.Message.EventResponseMessage.decode(plaintext);
    const choice = ANSWERS[(response ?? 0) - 1];
    if (!choice) return;
    const at = Number(timestampMs ?? 0);
    applyResponse(survey, { ...common, choices: [choice], guests: extraGuestCount ?? 0, at });
  }

  #decrypt(survey: Survey, responder: Account, use: Use, payload: Uint8Array, iv: Uint8Array): Buffer | undefined {
    const creator = this.#creator(survey);
    for (const names of NAMES) {
      const jids = { creator: creator.jid(names.creator), responder: responder.jid(names.own) };
      const { key, aad } = secrets(survey, jids, use);
      try {
        return gcmDecrypt(key, iv, payload, aad);
      } catch {
        // Another name of one of the two.
      }
    }
    return undefined;
  }
}

/** The key for one person's answers to one message, from that message's secret. */
function secrets(
  survey: Survey,
  { creator, responder }: { creator: string; responder: string },
  use: Use,
): { key: Buffer; aad: Buffer } {
  const secret = secretOf(survey);
  const { id } = survey;
  if (!secret) throw new Error(`${id} has no secret to answer with`);
  const key = hkdf(secret, 32, { info: `${id}${creator}${responder}${use}` });
  return { key, aad: Buffer.from(`${id}\0${responder}`) };
}

function secretOf({ message }: Survey): Uint8Array | undefined {
  const secret = message.messageContextInfo?.messageSecret;
  return secret?.length ? secret : undefined;
}
