import type { SignalRepositoryWithLIDStore } from "@whiskeysockets/baileys";
import type { NewEvent } from "../../../core/event/catalog/index.ts";
import type { Logger } from "../../../core/log.ts";
import { announcedOptions } from "../../../core/message/context.ts";
import { isLidJid } from "../../../core/message/recipient.ts";
import type { Survey } from "../../../core/message/response.ts";
import { plainJid, writtenAt } from "../../baileys/jids.ts";
import type { Change, NewMessage, NewResponse } from "../../ledger/change.ts";
import { openPayload } from "../content/stored.ts";
import { type OpenedResponse, openResponse, type SealedResponse } from "./decrypt.ts";

/** Who answers in which chat, as the envelope of the message states. JIDs have no devices. */
export interface Respondent {
  fromMe: boolean;
  /** All JIDs of the chat. The history has the chat under the first JID. */
  chatIds: readonly string[];
  senderId: string;
  senderLid: string | null;
  pushName: string | null;
  /** Time of the message by WhatsApp's clock, in Unix seconds. */
  seconds: number;
}

type LidMapping = SignalRepositoryWithLIDStore["lidMapping"];

export interface ResponsesOptions {
  /** The account's own JIDs. */
  me: () => { id: string; lid: string };
  /** Reads a poll or calendar event from the history. */
  findSurvey: (waId: string, chatIds: readonly string[]) => Promise<Survey | undefined>;
  log: Pick<Logger, "info" | "warn">;
}

/**
 * Maximum sizes: of the id in characters, and of the other fields in bytes. A vote for all twelve options has about 450
 * bytes.
 */
const maxSizes = { waId: 128, payload: 4096, iv: 64 } as const;

/** Maximum number of answers that wait for their poll or calendar event. */
const maxEarly = 1000;

/**
 * Decrypts the answers that arrive on one connection. Baileys may handle a vote before its poll if both arrive
 * together. An answer whose poll or calendar event is not known waits in memory until the poll or calendar event
 * arrives, or until newer answers need the space.
 */
export class Responses {
  readonly #options: ResponsesOptions;
  readonly #early = new Set<{ from: Respondent; sealed: SealedResponse }>();

  constructor(options: ResponsesOptions) {
    this.#options = options;
  }

  /** Returns the change that an answer makes. Throws if the database can't be read, or WhatsApp refuses a look-up of a LID. */
  async receive(from: Respondent, sealed: SealedResponse, lidMapping: LidMapping): Promise<Pick<Change, "responses">> {
    const { waId, kind, encPayload, encIv } = sealed;
    if (!waId || encPayload.length === 0 || encIv.length === 0) return this.#drop(sealed, "it is incomplete");
    if (waId.length > maxSizes.waId || encPayload.length > maxSizes.payload || encIv.length > maxSizes.iv)
      return this.#drop(sealed, "it is too long");
    const survey = await this.#options.findSurvey(waId, from.chatIds);
    if (survey) return await this.#open(survey, { from, sealed }, lidMapping);
    for (const oldest of this.#early) {
      if (this.#early.size < maxEarly) break;
      this.#early.delete(oldest);
    }
    this.#early.add({ from, sealed });
    this.#options.log.info({ waId, kind }, "an answer waits for its poll or calendar event");
    return {};
  }

  /** Returns the change that is made by the answers that arrived before this poll or calendar event. */
  async openEarly(row: NewMessage, lidMapping: LidMapping): Promise<Pick<Change, "responses">> {
    if (!row.payload || !isSurvey(row) || this.#early.size === 0) return {};
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

  /**
   * Decrypts an answer and returns its change. If the answer is not valid, logs the reason and returns an empty change.
   */
  async #open(
    survey: Survey,
    { from, sealed }: { from: Respondent; sealed: SealedResponse },
    lidMapping: LidMapping,
  ): Promise<Pick<Change, "responses">> {
    const { content, info } = openPayload(survey.payload);
    const secret = info.messageSecret;
    if (!secret?.length) return this.#drop(sealed, "its secret is not known");
    const { id, lid } = this.#options.me();
    const own = uniqueJids([id, lid]);
    const creators = survey.fromMe ? own : await allJids([survey.senderId, survey.senderLid], lidMapping);
    const responders = from.fromMe ? own : await allJids([from.senderId, from.senderLid], lidMapping);
    const pairs = creators.flatMap((creator) => responders.map((responder) => ({ creator, responder })));
    const opened = openResponse({ content, secret, sealed, pairs });
    if (typeof opened === "string") return this.#drop(sealed, opened);
    return { responses: [responseOf(survey, { from, sealed, opened, me: own[0] ?? "" })] };
  }

  #drop(sealed: SealedResponse, reason: string): Pick<Change, "responses"> {
    this.#options.log.warn({ waId: sealed.waId, kind: sealed.kind, reason }, "an answer was dropped");
    return {};
  }
}

const isSurvey = ({ type }: NewMessage) => type === "poll" || type === "event";

function responseOf(
  { chatId, body }: Survey,
  { from, sealed, opened, me }: { from: Respondent; sealed: SealedResponse; opened: OpenedResponse; me: string },
): NewResponse {
  const { waId } = sealed;
  const { fromMe } = from;
  const { choices, guests, answer } = opened;
  const at = writtenAt(opened.writtenMs, from.seconds);
  const common = {
    messageId: waId,
    chatId,
    by: fromMe ? me : from.senderId,
    byLid: fromMe ? null : from.senderLid,
    pushName: fromMe ? null : from.pushName,
    fromMe,
    timestamp: Math.floor(at.getTime() / 1000),
  };
  const event: NewEvent = answer
    ? { type: "event.answered", data: { ...common, name: body, answer, guests } }
    : { type: "poll.voted", data: { ...common, question: body, options: announcedOptions(choices) } };
  return { waId, chatId, senderId: fromMe ? "" : from.senderId, choices, guests, at, event };
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
