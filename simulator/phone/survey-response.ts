import type { Account } from "../model/account.ts";
import { proto } from "../wire/baileys.ts";
import { readPoll } from "../wire/content.ts";
import { gcmDecrypt, hkdf, sha256 } from "../wire/crypto.ts";
import { LID_SERVER, PN_SERVER } from "../wire/jid.ts";
import type { PhoneBase } from "./base.ts";
import { applyResponse } from "./mailbox/fate.ts";
import type { InboxMessage } from "./mailbox/inbox.ts";
import type { Target } from "./mailbox/key.ts";

export const ANSWERS = ["going", "notGoing", "maybe"] as const;
export type EventAnswer = (typeof ANSWERS)[number];

/** A poll or a calendar event. */
export type Survey = Target;
/** The kind of answer, which is the last part of the HKDF info. */
export type ResponseKind = "Poll Vote" | "Event Response";
/**
 * Everything that is sealed with the secret of a message: answers, and the rest, which has no additional authenticated
 * data. Source: whatsmeow, msgsecret.go, `MsgSecretType` and `generateMsgSecretKey`.
 */
export type SealedKind = ResponseKind | "Message Edit" | "Event Edit" | "Poll Edit" | "Enc Reaction" | "Enc Comment";

const SERVERS = [PN_SERVER, LID_SERVER];
const SERVER_PAIRS = SERVERS.flatMap((creator) => SERVERS.map((responder) => ({ creator, responder })));

/** Returns the account that sent a survey. */
export function creatorOf({ world, account }: PhoneBase, survey: Survey): Account {
  return "from" in survey ? (world.accountOf(survey.from) ?? account) : account;
}

/**
 * Derives the key of one account's answers to a survey from the survey's secret. Source: `decryptPollVote` and
 * `decryptEventResponse` in Baileys' Utils/process-message.ts.
 */
export function responseKey(
  survey: Survey,
  { creator, responder }: { creator: string; responder: string },
  kind: SealedKind,
): { key: Buffer; aad: Buffer } {
  const secret = secretOf(survey);
  const { id } = survey;
  if (!secret) throw new Error(`the message ${id} has no secret`);
  const key = hkdf(secret, 32, { info: `${id}${creator}${responder}${kind}` });
  const isAnswer = kind === "Poll Vote" || kind === "Event Response";
  return { key, aad: Buffer.from(isAnswer ? `${id}\0${responder}` : "") };
}

function secretOf({ message }: Survey): Uint8Array | undefined {
  const secret = message.messageContextInfo?.messageSecret;
  return secret?.length ? secret : undefined;
}

/** Decrypts a received answer and stores it in the survey. Ignores an answer that cannot be decrypted. */
export function openResponse(phone: PhoneBase, survey: Survey, message: InboxMessage): void {
  const { pollUpdateMessage: vote, encEventResponseMessage: answer } = message.message;
  const sealed = vote?.vote ?? answer;
  const responder = phone.world.accountOf(message.from);
  if (!sealed?.encPayload || !sealed.encIv || !responder || !secretOf(survey)) return;
  const accounts = { creator: creatorOf(phone, survey), responder };
  // The key depends on the JID by which the envelope names the responder (rule `answer_names_responder`).
  const responders = phone.world.rules.relaxed("answer_names_responder")
    ? SERVERS
    : [message.addressing === "lid" ? LID_SERVER : PN_SERVER];
  const pairs = SERVER_PAIRS.filter((pair) => responders.includes(pair.responder));
  const kind = vote ? "Poll Vote" : "Event Response";
  const plaintext = decrypt(survey, accounts, kind, sealed.encPayload, sealed.encIv, pairs);
  if (!plaintext) return;
  const common = { from: message.from, guests: 0 };
  if (vote) {
    applyResponse(survey, {
      ...common,
      choices: selectedOptions(survey, plaintext),
      at: Number(vote.senderTimestampMs ?? 0),
    });
    return;
  }
  const { response, extraGuestCount, timestampMs } = proto.Message.EventResponseMessage.decode(plaintext);
  const choice = ANSWERS[(response ?? 0) - 1];
  if (!choice) return;
  const at = Number(timestampMs ?? 0);
  applyResponse(survey, { ...common, choices: [choice], guests: extraGuestCount ?? 0, at });
}

/** Returns those options of a poll whose hashes are in a vote. */
function selectedOptions(survey: Survey, plaintext: Buffer): string[] {
  const hashes = proto.Message.PollVoteMessage.decode(plaintext).selectedOptions.map((hash) =>
    Buffer.from(hash).toString("hex"),
  );
  return (readPoll(survey.message)?.options ?? []).filter((option) =>
    hashes.includes(sha256(Buffer.from(option)).toString("hex")),
  );
}

/**
 * Decrypts what an account has sealed with the secret of a message. Returns undefined if it does not decrypt.
 */
export function openSealed(
  phone: PhoneBase,
  target: Target,
  { from, kind, encPayload, encIv }: SealedPart & { from: string; kind: SealedKind },
): Buffer | undefined {
  const responder = phone.world.accountOf(from);
  if (!encPayload || !encIv || !responder || !secretOf(target)) return undefined;
  return decrypt(target, { creator: creatorOf(phone, target), responder }, kind, encPayload, encIv);
}

export type SealedPart = { encPayload?: Uint8Array | null; encIv?: Uint8Array | null };

/** Tries each combination of JIDs, because the key depends on whether the sender used phone numbers or LIDs. */
function decrypt(
  survey: Survey,
  { creator, responder }: { creator: Account; responder: Account },
  kind: SealedKind,
  payload: Uint8Array,
  iv: Uint8Array,
  pairs = SERVER_PAIRS,
): Buffer | undefined {
  for (const servers of pairs) {
    const jids = { creator: creator.jid(servers.creator), responder: responder.jid(servers.responder) };
    const { key, aad } = responseKey(survey, jids, kind);
    try {
      return gcmDecrypt(key, iv, payload, aad);
    } catch {
      // The sender used another combination.
    }
  }
  return undefined;
}
