import { jidNormalizedUser, type WASocket } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { isLidJid } from "../../core/message/recipient.ts";
import type { Presence } from "../inbound/presences.ts";
import { spellingsOf } from "./context.ts";
import { resolveRecipient } from "./message.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

export async function set(
  { sock }: MutationContext,
  { state, chat }: CommandInput<"presence.set">,
): Promise<CommandOutput<"presence.set">> {
  if (state !== "available" && state !== "unavailable") {
    await sock.sendPresenceUpdate(state, chat && (await resolveRecipient(sock, chat)));
    return {};
  }
  // Baileys would say nothing to WhatsApp, and nothing to us.
  if (!sock.authState.creds.me?.name)
    throw new AppError("conflict", "WhatsApp shows only who has a name: set one in the profile");
  await sock.sendPresenceUpdate(state);
  return {};
}

export async function subscribe(
  { sock }: MutationContext,
  { chat }: CommandInput<"presence.subscribe">,
): Promise<CommandOutput<"presence.subscribe">> {
  const chatId = await resolveRecipient(sock, chat);
  await sock.presenceSubscribe(chatId);
  return { chatId };
}

export async function get(
  context: ConnectedContext,
  { chat }: CommandInput<"presence.get">,
): Promise<CommandOutput<"presence.get">> {
  const { sock } = context;
  const asked = chat === undefined ? undefined : await resolveRecipient(sock, chat);
  const spellings = asked === undefined ? undefined : await spellingsOf(context, asked);
  const kept = context.presences.all().filter((one) => !spellings || spellings.includes(one.chat));
  const told = await byPhone(sock, kept);
  const chats = new Map<string, Map<string, Presence>>();
  // The last word counts: what was told of a person may stand under number and LID.
  for (const one of told.toSorted((a, b) => a.at - b.at)) {
    const people = chats.get(one.chat) ?? new Map<string, Presence>();
    chats.set(one.chat, people.set(one.person, one));
  }
  const number = spellings?.find((jid) => !isLidJid(jid)) ?? asked;
  if (number !== undefined && chats.size === 0) chats.set(number, new Map());
  const now = Date.now();
  return {
    chats: [...chats].map(([chatId, people]) => ({
      chatId,
      presences: [...people.values()].map(({ person: jid, state, lastSeen, at }) => ({
        jid,
        state,
        lastSeen: lastSeen === null ? null : new Date(lastSeen * 1000).toISOString(),
        updatedAt: new Date(at).toISOString(),
        ageSeconds: Math.max(0, Math.floor((now - at) / 1000)),
      })),
    })),
  };
}

/** The same, by phone number where the session knows the number behind a LID. */
async function byPhone(sock: WASocket, kept: readonly Presence[]): Promise<Presence[]> {
  const lids = [...new Set(kept.flatMap(({ chat, person }) => [chat, person]).filter(isLidJid))];
  const pairs = lids.length > 0 ? ((await sock.signalRepository.lidMapping.getPNsForLIDs(lids)) ?? []) : [];
  const phones = new Map(pairs.map(({ lid, pn }) => [jidNormalizedUser(lid), jidNormalizedUser(pn)]));
  const named = (jid: string) => phones.get(jid) ?? jid;
  return kept.map((one) => ({ ...one, chat: named(one.chat), person: named(one.person) }));
}
