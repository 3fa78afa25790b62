import { decryptEventResponse, decryptPollVote, proto } from "@whiskeysockets/baileys";
import { boundCount, maxInteger } from "../../../core/bound.ts";
import { sha256 } from "../../../core/crypto/index.ts";
import { type ResponseAnswer, responseAnswers } from "../../../core/message/response.sql.ts";
import { pollOf } from "./survey.ts";

/** An encrypted answer to a poll or calendar event, as it is in a message. */
export interface SealedResponse {
  kind: "vote" | "answer";
  /** WhatsApp's id of the poll or calendar event. */
  waId: string;
  encPayload: Uint8Array;
  encIv: Uint8Array;
  /** For a vote, its time by the voter's clock. An answer to a calendar event has its time inside the encryption. */
  writtenMs: number;
}

/** Returns the answer that a message contains, or undefined if it contains no answer. */
export function sealedResponse(content: proto.IMessage | undefined): SealedResponse | undefined {
  const { pollUpdateMessage: vote, encEventResponseMessage: answer } = content ?? {};
  if (!vote && !answer) return undefined;
  const key = vote ? vote.pollCreationMessageKey : answer?.eventCreationMessageKey;
  const { encPayload, encIv } = (vote ? vote.vote : answer) ?? {};
  return {
    kind: vote ? "vote" : "answer",
    waId: key?.id ?? "",
    encPayload: Uint8Array.from(encPayload ?? []),
    encIv: Uint8Array.from(encIv ?? []),
    writtenMs: Number(vote?.senderTimestampMs ?? 0),
  };
}

/** Everything that is needed to decrypt an answer. */
export interface ResponseInput {
  /** The poll or calendar event. */
  content: proto.IMessage;
  secret: Uint8Array;
  sealed: SealedResponse;
  /**
   * JIDs of the creator and the responder. The key depends on one of these pairs, but the message does not name the
   * pair.
   */
  pairs: readonly { creator: string; responder: string }[];
}

/** A decrypted answer. */
export interface OpenedResponse {
  /** The answer to a calendar event. Undefined for a vote. */
  answer?: ResponseAnswer;
  choices: string[];
  guests: number;
  writtenMs: number;
}

const { EventResponseType } = proto.Message.EventResponseMessage;
const answers: Record<number, ResponseAnswer> = {
  [EventResponseType.GOING]: responseAnswers[0],
  [EventResponseType.NOT_GOING]: responseAnswers[1],
  [EventResponseType.MAYBE]: responseAnswers[2],
};

/** Decrypts an answer. Returns the reason, as text, if the answer must be dropped. */
export const openResponse = (input: ResponseInput): OpenedResponse | string =>
  input.sealed.kind === "vote" ? openVote(input) : openAnswer(input);

function openVote({ content, secret, sealed, pairs }: ResponseInput): OpenedResponse | string {
  const poll = pollOf(content);
  if (!poll) return "the message is not a poll";
  const opened = openWithAny(pairs, ({ creator, responder }) =>
    decryptPollVote(sealed, {
      pollEncKey: secret,
      pollCreatorJid: creator,
      pollMsgId: sealed.waId,
      voterJid: responder,
    }),
  );
  if (!opened) return "it does not decrypt";
  const chosen = new Set(opened.selectedOptions.map((hash) => Buffer.from(hash).toString("hex")));
  const choices = poll.options.filter((name) => chosen.has(sha256(name).toString("hex")));
  if (choices.length < chosen.size) return "it chooses an unknown option";
  if (poll.selectableCount > 0 && choices.length > poll.selectableCount) return "it chooses too many options";
  return { choices, guests: 0, writtenMs: sealed.writtenMs };
}

function openAnswer({ content, secret, sealed, pairs }: ResponseInput): OpenedResponse | string {
  if (!content.eventMessage) return "the message is not a calendar event";
  const opened = openWithAny(pairs, ({ creator, responder }) =>
    decryptEventResponse(sealed, {
      eventEncKey: secret,
      eventCreatorJid: creator,
      eventMsgId: sealed.waId,
      responderJid: responder,
    }),
  );
  if (!opened) return "it does not decrypt";
  const answer = answers[opened.response ?? 0];
  if (!answer) return "its answer is unknown";
  const guests = boundCount(opened.extraGuestCount ?? 0, maxInteger) ?? 0;
  return { answer, choices: [answer], guests, writtenMs: Number(opened.timestampMs ?? 0) };
}

function openWithAny<Pair, Opened>(pairs: readonly Pair[], open: (pair: Pair) => Opened): Opened | undefined {
  for (const pair of pairs) {
    try {
      return open(pair);
    } catch {
      // Either the key depends on other JIDs, or the answer is forged. Authenticated encryption can't distinguish these
      // two cases.
    }
  }
  return undefined;
}
