import { isGroupJid } from "../../wire/jid.ts";
import type { Phone } from "../phone.ts";
import type { InboxMessage } from "./inbox.ts";
import type { SentMessage } from "./sent.ts";

/** What has become of a message since it was written. */
export type Fate = {
  edited: boolean;
  /** For everyone. */
  deleted: boolean;
  /** One for each person, by phone-number JID. */
  reactions: { from: string; emoji: string }[];
  /** To a poll or an event: what each person, by phone-number JID, answered last. */
  responses: Response[];
};

/** `choices`: a poll's options, or one of `going`, `notGoing` and `maybe`. `at`: milliseconds since the epoch. */
export type Response = { from: string; choices: string[]; guests: number; at: number };

export const untouched = (): Fate => ({ edited: false, deleted: false, reactions: [], responses: [] });

export function applyReaction(target: Fate, from: string, emoji: string): void {
  target.reactions = target.reactions.filter((reaction) => reaction.from !== from);
  if (emoji) target.reactions.push({ from, emoji });
}

export function applyResponse(target: Fate, response: Response): void {
  const before = target.responses.find(({ from }) => from === response.from);
  if (before && before.at >= response.at) return;
  target.responses = [...target.responses.filter((one) => one !== before), response];
}

/** Lets an edit, a deletion, a reaction or an answer do its work. Whoever may not do it changes nothing, as on a real phone. */
export function applyToTarget(phone: Phone, said: InboxMessage): void {
  const target = said.refersTo === undefined ? undefined : findTarget(phone, said.chat, said.refersTo);
  if (!target) return;
  const author = "from" in target ? target.from : phone.jid;
  if (said.kind === "pollUpdate" || said.kind === "encEventResponse") phone.surveys.open(target, said);
  if (said.kind === "reaction") applyReaction(target, said.from, said.text ?? "");
  if (said.kind === "edit" && author === said.from && !target.deleted) {
    target.text = said.text;
    target.edited = true;
  }
  if (said.kind === "revoke" && (author === said.from || isAdmin(phone, said))) target.deleted = true;
}

function findTarget(phone: Phone, chat: string, id: string): InboxMessage | SentMessage | undefined {
  const sent = phone.sent.get(id);
  if (sent?.to === chat) return sent;
  return phone.inbox.messages.findLast((message) => message.id === id && message.chat === chat);
}

function isAdmin({ world }: Phone, { chat, from }: InboxMessage): boolean {
  const account = world.accountOf(from);
  return isGroupJid(chat) && account !== undefined && (world.groups.get(chat)?.isAdmin(account) ?? false);
}
