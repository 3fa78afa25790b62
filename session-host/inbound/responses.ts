import {
  decryptEventResponse,
  decryptPollVote,
  jidNormalizedUser,
  proto,
  type SignalRepositoryWithLIDStore,
} from "@whiskeysockets/baileys";
import { sha256 } from "../../core/crypto/index.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import type { Logger } from "../../core/log.ts";
import {
  announcedOptions,
  type EventDetails,
  type MessageContext,
  type PollDetails,
} from "../../core/message/context.ts";
import { isLidJid } from "../../core/message/recipient.ts";
import { type ResponseAnswer, responseAnswers } from "../../core/message/response.sql.ts";
import type { Survey } from "../../core/message/response.ts";
import { type Change, maxEventBody, type NewMessage, type NewResponse } from "../ledger/change.ts";

/** An encrypted answer to a poll or an event, as it is in a message. */
export interface SealedResponse {
  kind: "vote" | "answer";
  /** WhatsApp's id of what it answers to. */
  waId: string;
  encPayload: Uint8Array;
  encIv: Uint8Array;
  /** By the clock of who votes; an answer to an event says it under its seal. */
  writtenMs: number;
}

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

/** Who answers, as the envelope says it, and where. */
export interface Respondent {
  fromMe: boolean;
  /** JIDs that all stand for the chat; the first is the one of our history. */
  chatIds: readonly string[];
  /** JIDs without devices. */
  senderId: string;
  senderLid: string | null;
  pushName: string | null;
  /** WhatsApp's clock, Unix seconds. */
  seconds: number;
}

type LidMapping = SignalRepositoryWithLIDStore["lidMapping"];

export interface ResponsesOptions {
  /** Our own JIDs. */
  me: () => { id: string; lid: string };
  find: (waId: string, chatIds: readonly string[]) => Promise<Survey | undefined>;
  log: Pick<Logger, "info" | "warn">;
}

/** How far the clock of who answers may be from WhatsApp's. */
const clockToleranceMs = 60_000;

const { EventResponseType } = proto.Message.EventResponseMessage;
const answers: Record<number, ResponseAnswer> = {
  [EventResponseType.GOING]: responseAnswers[0],
  [EventResponseType.NOT_GOING]: responseAnswers[1],
  [EventResponseType.MAYBE]: responseAnswers[2],
};

/** Bytes, and characters of an id, which no client needs. A vote for all twelve options has some 450 bytes. */
const longest = { waId: 128, payload: 4096, iv: 64 } as const;

/** So many answers wait at most for what they answer to. */
const maxEarly = 1000;

/**
 * Opens the answers that come in on one connection. Baileys may handle a poll and a vote that come together in the other order: what
 * answers to something that is not here waits in memory until that comes, or until others need the room.
 */
export class Responses {
  readonly #options: ResponsesOptions;
  readonly #early = new Set<{ from: Respondent; sealed: SealedResponse }>();

  constructor(options: ResponsesOptions) {
    this.#options = options;
  }

  /** What an answer changes. Throws only when the database cannot be read. */
  async take(from: Respondent, sealed: SealedResponse, lidMapping: LidMapping): Promise<Pick<Change, "responses">> {
    const { waId, kind, encPayload, encIv } = sealed;
    if (!waId || encPayload.length === 0 || encIv.length === 0) return this.#drop(sealed, "it is not complete");
    if (waId.length > longest.waId || encPayload.length > longest.payload || encIv.length > longest.iv)
      return this.#drop(sealed, "it is too long");
    const survey = await this.#options.find(waId, from.chatIds);
    if (survey) return await this.#open(survey, { from, sealed }, lidMapping);
    for (const oldest of this.#early) {
      if (this.#early.size < maxEarly) break;
      this.#early.delete(oldest);
    }
    this.#early.add({ from, sealed });
    this.#options.log.info({ waId, kind }, "an answer counts as nothing until what it answers to comes");
    return {};
  }

  /** What those answers change that came before this message. */
  async early(row: NewMessage, lidMapping: LidMapping): Promise<Pick<Change, "responses">> {
    if (!row.payload || this.#early.size === 0) return {};
    const survey: Survey = {
      chatId: row.chat_id,
      fromMe: row.from_me,
      senderId: row.sender_id,
      senderLid: row.sender_lid,
      body: row.body,
      payload: Buffer.from(row.payload, "base64"),
    };
    const responses: NewResponse[] = [];
    for (const waiting of this.#early) {
      if (waiting.sealed.waId !== row.wa_id || !waiting.from.chatIds.includes(row.chat_id)) continue;
      this.#early.delete(waiting);
      responses.push(...((await this.#open(survey, waiting, lidMapping)).responses ?? []));
    }
    return responses.length > 0 ? { responses } : {};
  }

  /** Nothing, with a line in the log, for what does not decrypt or chooses what there is not to choose. */
  async #open(
    survey: Survey,
    { from, sealed }: { from: Respondent; sealed: SealedResponse },
    lidMapping: LidMapping,
  ): Promise<Pick<Change, "responses">> {
    const content = proto.Message.decode(survey.payload);
    const secret = content.messageContextInfo?.messageSecret;
    const { waId } = sealed;
    if (!secret?.length) return this.#drop(sealed, "there is no secret to open it with");
    const me = this.#options.me();
    const own = spellings([me.id, me.lid]);
    const creators = survey.fromMe ? own : await allSpellings([survey.senderId, survey.senderLid], lidMapping);
    const responders = from.fromMe ? own : await allSpellings([from.senderId, from.senderLid], lidMapping);
    // Which of their names the two clients used is not said, and is part of the key.
    const pairs = creators.flatMap((creator) => responders.map((responder) => ({ creator, responder })));
    const lock = { content, secret, sealed, pairs };
    const said = sealed.kind === "vote" ? openVote(lock) : openAnswer(lock);
    if (typeof said === "string") return this.#drop(sealed, said);
    const at = instantOf(said.writtenMs, from.seconds);
    const common = {
      messageId: waId,
      chatId: survey.chatId,
      by: from.fromMe ? (own[0] ?? "") : from.senderId,
      byLid: from.fromMe ? null : from.senderLid,
      pushName: from.fromMe ? null : from.pushName,
      fromMe: from.fromMe,
      timestamp: Math.floor(at.getTime() / 1000),
    };
    const title = survey.body.slice(0, maxEventBody);
    const event: NewEvent = said.answer
      ? {
          type: "event.answered",
          data: { ...common, name: title, answer: said.answer, guests: said.guests },
        }
      : { type: "poll.voted", data: { ...common, question: title, options: announcedOptions(said.choices) } };
    const { choices, guests } = said;
    const senderId = from.fromMe ? "" : from.senderId;
    return { responses: [{ waId, chatId: survey.chatId, senderId, choices, guests, at, event }] };
  }

  #drop(sealed: SealedResponse, reason: string): Pick<Change, "responses"> {
    this.#options.log.warn({ waId: sealed.waId, kind: sealed.kind, reason }, "an answer counts as nothing");
    return {};
  }
}

interface Lock {
  /** The poll or event. */
  content: proto.IMessage;
  secret: Uint8Array;
  sealed: SealedResponse;
  /** Names of who made it and who answers, each pair a key that may fit. */
  pairs: readonly { creator: string; responder: string }[];
}

interface Said {
  /** To an event. */
  answer?: ResponseAnswer;
  choices: string[];
  guests: number;
  writtenMs: number;
}

/** What a vote says, or why it counts as nothing. */
function openVote({ content, secret, sealed, pairs }: Lock): Said | string {
  const poll = pollOf(content);
  if (!poll) return "it votes on what is no poll";
  const opened = firstThatOpens(pairs, ({ creator, responder }) =>
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
  if (choices.length < chosen.size) return "it chooses what is no option";
  if (poll.selectableCount > 0 && choices.length > poll.selectableCount) return "it chooses too many options";
  return { choices, guests: 0, writtenMs: sealed.writtenMs };
}

/** What an answer to an event says, or why it counts as nothing. */
function openAnswer({ content, secret, sealed, pairs }: Lock): Said | string {
  if (!content.eventMessage) return "it answers to what is no event";
  const opened = firstThatOpens(pairs, ({ creator, responder }) =>
    decryptEventResponse(sealed, {
      eventEncKey: secret,
      eventCreatorJid: creator,
      eventMsgId: sealed.waId,
      responderJid: responder,
    }),
  );
  if (!opened) return "it does not decrypt";
  const answer = answers[opened.response ?? 0];
  if (!answer) return "it says nothing that is known";
  const guests = Math.max(0, opened.extraGuestCount ?? 0);
  return { answer, choices: [answer], guests, writtenMs: Number(opened.timestampMs ?? 0) };
}

function firstThatOpens<Pair, Opened>(pairs: readonly Pair[], open: (pair: Pair) => Opened): Opened | undefined {
  for (const pair of pairs) {
    try {
      return open(pair);
    } catch {
      // Another spelling, or a forgery: authenticated encryption does not tell them apart.
    }
  }
  return undefined;
}

const spellings = (jids: readonly (string | null | undefined)[]): string[] => [
  ...new Set(jids.map((jid) => jidNormalizedUser(jid ?? "")).filter(Boolean)),
];

/** The same person's JIDs, by number and by LID, as far as they are known. */
async function allSpellings(jids: readonly (string | null)[], lidMapping: LidMapping): Promise<string[]> {
  const known = spellings(jids);
  const others = await Promise.all(
    known.map((jid) => (isLidJid(jid) ? lidMapping.getPNForLID(jid) : lidMapping.getLIDForPN(jid))),
  );
  return spellings([...known, ...others]);
}

/** The writer's clock tells two answers of one second apart; one that is wrong is not believed. */
function instantOf(writtenMs: number, seconds: number): Date {
  return new Date(Math.abs(writtenMs - seconds * 1000) < clockToleranceMs ? writtenMs : seconds * 1000);
}

function pollOf(content: proto.IMessage): PollDetails | undefined {
  const poll =
    content.pollCreationMessage ??
    content.pollCreationMessageV2 ??
    content.pollCreationMessageV3 ??
    content.pollCreationMessageV5;
  if (!poll) return undefined;
  const options = (poll.options ?? []).map(({ optionName }) => optionName ?? "");
  return { options, selectableCount: poll.selectableOptionsCount ?? 0 };
}

function eventOf({ eventMessage }: proto.IMessage): EventDetails | undefined {
  if (!eventMessage) return undefined;
  const { description, location, startTime, endTime, isCanceled, extraGuestsAllowed } = eventMessage;
  return {
    type: null,
    description: description ?? "",
    location: location?.name ?? null,
    startTime: isoOf(startTime),
    endTime: isoOf(endTime),
    canceled: isCanceled ?? false,
    extraGuestsAllowed: extraGuestsAllowed ?? false,
  };
}

/** Of Unix seconds; null for none, and for what no calendar has. */
function isoOf(seconds: Parameters<typeof Number>[0]): string | null {
  const at = new Date(Number(seconds ?? 0) * 1000);
  return Number(seconds ?? 0) > 0 && !Number.isNaN(at.getTime()) ? at.toISOString() : null;
}

/** What is kept of a poll or an event that came in: what it offers, and the whole of it with its secret to open answers with. */
export function surveyIn(
  content: proto.IMessage,
  secret: Uint8Array | null | undefined,
): { context: Pick<MessageContext, "poll" | "event">; payload: string } | undefined {
  const [poll, event] = [pollOf(content), eventOf(content)];
  if (!poll && !event) return undefined;
  const kept = proto.Message.encode({ ...content, messageContextInfo: secret ? { messageSecret: secret } : {} });
  return {
    context: { ...(poll && { poll }), ...(event && { event }) },
    payload: Buffer.from(kept.finish()).toString("base64"),
  };
}
