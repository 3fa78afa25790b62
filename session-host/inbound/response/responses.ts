import type { NewEvent } from "../../../core/event/catalog/index.ts";
import type { TargetMessage } from "../../../core/message/about.ts";
import { announcedOptions } from "../../../core/message/context.ts";
import { writtenAt } from "../../baileys/address/jids.ts";
import type { Change } from "../../ledger/change.ts";
import { openPayload } from "../content/stored.ts";
import { type Address, addressOf } from "../message/address.ts";
import {
  eventFieldsOf,
  type Note,
  type NoteScope,
  personOf,
  readableTargets,
  statedAuthor,
  untilArrival,
} from "../message/note.ts";
import { jidPairs } from "../message/secret.ts";
import { type OpenedResponse, openResponse, type SealedResponse, sealedResponse } from "./decrypt.ts";

/**
 * Maximum sizes: of the id in characters, and of the other fields in bytes. A vote for all twelve options has about 450
 * bytes.
 */
const maxSizes = { waId: 128, payload: 4096, iv: 64 } as const;

/**
 * Returns the change of an answer to a poll or calendar event, undefined for any other message. An answer whose poll or
 * calendar event is not known waits for it. An answer that is not valid is logged and causes no event. Throws if the
 * database can't be read, or WhatsApp refuses a look-up of a LID.
 */
export async function response(note: Note, scope: NoteScope): Promise<Change | undefined> {
  const sealed = sealedResponse(note.opened.content);
  if (!sealed) return undefined;
  const address = await addressOf(note.origin, scope.phoneOf);
  if (!address) return {};
  const drop = (reason: string): Change => {
    scope.log.warn({ waId: sealed.waId, kind: sealed.kind, reason }, "an answer was dropped");
    return {};
  };
  const { waId, encPayload, encIv } = sealed;
  if (!waId || encPayload.length === 0 || encIv.length === 0) return drop("it is incomplete");
  if (waId.length > maxSizes.waId || encPayload.length > maxSizes.payload || encIv.length > maxSizes.iv)
    return drop("it is too long");
  const targets = await readableTargets(scope, waId, address.chatIds);
  if (targets.length === 0) return await early(note, scope, { sealed, address });
  const survey = targets.find(({ type, payload }) => (type === "poll" || type === "event") && payload);
  if (!survey?.payload) return drop("the message is neither a poll nor a calendar event");
  const { content, info } = openPayload(survey.payload);
  const secret = info.messageSecret;
  if (!secret?.length) return drop("its secret is not known");
  const people = await jidPairs({ me: note.origin.me, target: survey, address }, scope.lidMapping);
  const pairs = people.map(({ author, sender }) => ({ creator: author, responder: sender }));
  const opened = openResponse({ content, secret, sealed, pairs });
  if (typeof opened === "string") return drop(opened);
  return changeOf(note, { sealed, address, survey, opened });
}

type Answer = { sealed: SealedResponse; address: Address };

function changeOf(
  { origin }: Note,
  { sealed, address, survey, opened }: Answer & { survey: TargetMessage; opened: OpenedResponse },
): Change {
  const { waId } = sealed;
  const { chatId, body } = survey;
  const { choices, guests, answer } = opened;
  const at = writtenAt(opened.writtenMs, origin.seconds);
  const timestamp = Math.floor(at.getTime() / 1000);
  const common = { ...personOf(origin, address), messageId: waId, chatId, timestamp };
  const event: NewEvent = answer
    ? { type: "event.answered", data: { ...common, name: body, answer, guests } }
    : { type: "poll.voted", data: { ...common, question: body, options: announcedOptions(choices) } };
  return { responses: [{ waId, chatId, senderId: address.senderId, choices, guests, at, event }] };
}

/** Returns the change of an answer whose poll or calendar event is not known. */
async function early(note: Note, { phoneOf, log }: NoteScope, { sealed, address }: Answer): Promise<Change> {
  const { kind, waId } = sealed;
  const { origin, opened } = note;
  const { pollUpdateMessage: vote, encEventResponseMessage: answer } = opened.content;
  const key = vote ? vote.pollCreationMessageKey : answer?.eventCreationMessageKey;
  log.info({ waId, kind }, "an answer waits for its poll or calendar event");
  const about = {
    ...{ ...personOf(origin, address), waId, chatIds: address.chatIds },
    at: writtenAt(sealed.writtenMs, origin.seconds),
    author: await statedAuthor(origin.me, address, key ?? {}, phoneOf),
  };
  const data = { ...eventFieldsOf(about, { known: false, readable: false }), kind };
  return untilArrival(note, address, waId, { type: "message.response", data });
}
