import { jidNormalizedUser, type WASocket } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { isLidJid } from "../../core/message/recipient.ts";
import type { Presence } from "../inbound/presences.ts";
import { resolveRecipient } from "./message.ts";
import { spellingsOf } from "./message-extras.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

export async function set(
  { sock }: MutationContext,
  { state, chat }: CommandInput<"presence.set">,
): Promise<CommandOutput<"presence.set">> {
  if (state !== "available" && state !== "unavailable") {
    await sock.sendPresenceUpdate(state, chat && (await resolveRecipient(sock, chat)));
    return {};
  }
  // Without a name, Baileys sends nothing and reports no error.
  if (!sock.authState.creds.me?.name)
    throw new AppError("conflict", "WhatsApp shows the presence only of accounts with a name: set one in the profile");
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
  const named = await byPhone(sock, kept);
  const chats = new Map<string, Map<string, Presence>>();
  // A person may have presences under both number and LID: the latest counts.
  for (const one of named.toSorted((a, b) => a.at - b.at)) {
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

/** Replaces LIDs by phone numbers where the session knows the number. */
async function byPhone(sock: WASocket, kept: readonly Presence[]): Promise<Presence[]> {
  const lids = [...new Set(kept.flatMap(({ chat, person }) => [chat, person]).filter(isLidJid))];
  const pairs = lids.length > 0 ? ((await sock.signalRepository.lidMapping.getPNsForLIDs(lids)) ?? []) : [];
  const phones = new Map(pairs.map(({ lid, pn }) => [jidNormalizedUser(lid), jidNormalizedUser(pn)]));
  const named = (jid: string) => phones.get(jid) ?? jid;
  return kept.map((one) => ({ ...one, chat: named(one.chat), person: named(one.person) }));
}
