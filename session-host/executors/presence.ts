import type { WASocket } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { isLidJid } from "../../core/message/recipient.ts";
import { plainJid } from "../baileys/address/jids.ts";
import type { Presence } from "../inbound/presences.ts";
import { resolveRecipient } from "./message.ts";
import { spellingsOf } from "./message-extras.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

export async function set(
  { sock, addressing }: MutationContext,
  { state, chat }: CommandInput<"presence.set">,
): Promise<CommandOutput<"presence.set">> {
  if (state !== "available" && state !== "unavailable") {
    await sock.sendPresenceUpdate(state, chat && (await addressing.jidOf(await resolveRecipient(sock, chat))));
    return {};
  }
  // Without a name, Baileys sends nothing and reports no error.
  if (!sock.authState.creds.me?.name)
    throw new AppError(
      "conflict",
      "WhatsApp shows the presence only of accounts with a name: set a name in the profile",
    );
  await sock.sendPresenceUpdate(state);
  return {};
}

export async function subscribe(
  { sock, addressing }: MutationContext,
  { chat }: CommandInput<"presence.subscribe">,
): Promise<CommandOutput<"presence.subscribe">> {
  const chatId = await resolveRecipient(sock, chat);
  await sock.presenceSubscribe(await addressing.jidOf(chatId));
  return { chatId };
}

export async function get(
  context: ConnectedContext,
  { chat }: CommandInput<"presence.get">,
): Promise<CommandOutput<"presence.get">> {
  const { sock } = context;
  const jid = chat === undefined ? undefined : await resolveRecipient(sock, chat);
  const spellings = jid === undefined ? undefined : await spellingsOf(context, jid);
  const selected = context.presences.all().filter((presence) => !spellings || spellings.includes(presence.chat));
  const presences = await byPhone(sock, selected);
  const chats = new Map<string, Map<string, Presence>>();
  // A person may have one presence under the phone number and another one under the LID. The later presence replaces
  // the earlier one.
  for (const presence of presences.toSorted((a, b) => a.at - b.at)) {
    const people = chats.get(presence.chat) ?? new Map<string, Presence>();
    chats.set(presence.chat, people.set(presence.person, presence));
  }
  // A chat without presences is returned as well.
  const phone = spellings?.find((spelling) => !isLidJid(spelling)) ?? jid;
  if (phone !== undefined && chats.size === 0) chats.set(phone, new Map());
  const now = Date.now();
  return {
    chats: [...chats].map(([chatId, people]) => ({
      chatId,
      presences: [...people.values()].map(({ person, state, lastSeen, at }) => ({
        jid: person,
        state,
        lastSeen: lastSeen === null ? null : new Date(lastSeen * 1000).toISOString(),
        updatedAt: new Date(at).toISOString(),
        ageSeconds: Math.max(0, Math.floor((now - at) / 1000)),
      })),
    })),
  };
}

/** Replaces LIDs with phone numbers where the session knows the number. */
async function byPhone(sock: WASocket, presences: readonly Presence[]): Promise<Presence[]> {
  const lids = [...new Set(presences.flatMap(({ chat, person }) => [chat, person]).filter(isLidJid))];
  const pairs = lids.length > 0 ? ((await sock.signalRepository.lidMapping.getPNsForLIDs(lids)) ?? []) : [];
  const phones = new Map(pairs.map(({ lid, pn }) => [plainJid(lid), plainJid(pn)]));
  const phoneOf = (jid: string) => phones.get(jid) ?? jid;
  return presences.map((presence) => ({
    ...presence,
    chat: phoneOf(presence.chat),
    person: phoneOf(presence.person),
  }));
}
