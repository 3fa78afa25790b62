import { jidNormalizedUser, type WASocket } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { isLidJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { resolveRecipient } from "./message.ts";
import { ExecutorResult } from "./result.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

/** Checks which numbers are on WhatsApp. For a while, sends to a number that is not are refused. */
export async function check(
  { sock }: ConnectedContext,
  { numbers }: CommandInput<"contact.check">,
): Promise<ExecutorResult<CommandOutput<"contact.check">>> {
  const answers = await ask(sock, [...new Set(numbers)]);
  const present = [...answers.values()].flatMap((jid) => jid ?? []);
  const pairs = present.length > 0 ? ((await sock.signalRepository.lidMapping.getLIDsForPNs(present)) ?? []) : [];
  const lids = new Map(pairs.map(({ pn, lid }) => [jidNormalizedUser(pn), jidNormalizedUser(lid)]));
  const output = numbers.map((number) => {
    const jid = answers.get(number) ?? null;
    return { phone: number.split("@")[0] ?? "", exists: jid !== null, jid, lid: (jid && lids.get(jid)) ?? null };
  });
  return new ExecutorResult(
    { numbers: output },
    {
      numbers: [...answers].flatMap(([number, jid]) =>
        [...new Set([number, jid ?? number])].map((one) => ({ jid: one, exists: jid !== null })),
      ),
      contacts: [...lids].map(([jid, lid]) => ({ jid, lid, link: true as const })),
    },
  );
}

/**
 * Returns WhatsApp's JID for each number, null if the number is not on WhatsApp. Numbers of some countries have two spellings, and
 * WhatsApp may answer with the other one. Such a number is asked for again alone, so that it is clear what the answer belongs to.
 */
async function ask(sock: WASocket, numbers: readonly string[]): Promise<Map<string, string | null>> {
  const found = await sock.onWhatsApp(...numbers);
  if (!found) throw new AppError("whatsapp_error", "WhatsApp did not answer");
  const [only] = numbers;
  if (numbers.length === 1 && only !== undefined) {
    const [answer] = found;
    return new Map([[only, answer?.exists ? jidNormalizedUser(answer.jid) : null]]);
  }
  const answered = new Map(found.map(({ jid, exists }) => [jidNormalizedUser(jid), exists]));
  const answers = new Map<string, string | null>();
  for (const number of numbers) {
    const exists = answered.get(number);
    if (exists === undefined) answers.set(number, (await ask(sock, [number])).get(number) ?? null);
    else answers.set(number, exists ? number : null);
  }
  return answers;
}

export async function about(
  { sock }: ConnectedContext,
  { who }: CommandInput<"contact.about">,
): Promise<CommandOutput<"contact.about">> {
  const jid = await resolveRecipient(sock, who);
  return { jid, ...(await shownBy(sock, jid)) };
}

/** Returns what a person shows to this account; null for what they hide. */
export async function shownBy(
  sock: WASocket,
  jid: string,
): Promise<{ about: string | null; pictureUrl: string | null }> {
  const [answers, pictureUrl] = await Promise.all([
    unlessHidden(sock.fetchStatus(jid)),
    unlessHidden(sock.profilePictureUrl(jid, "image")),
  ]);
  const { status } = (answers?.[0] ?? {}) as { status?: { status?: string | null } };
  return { about: status?.status || null, pictureUrl: pictureUrl ?? null };
}

/** WhatsApp's codes for "hidden from you" and "not set": not authorized, forbidden, item not found. */
const hidden = [401, 403, 404];

async function unlessHidden<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (error) {
    // Baileys puts WhatsApp's code into `data`.
    if (hidden.includes(Number((error as { data?: unknown }).data))) return undefined;
    throw error;
  }
}

export async function setBlocked(
  { sock }: MutationContext,
  { who, blocked }: CommandInput<"contact.setBlocked">,
): Promise<CommandOutput<"contact.setBlocked">> {
  const jid = await phoneOf(sock, who);
  await sock.updateBlockStatus(jid, blocked ? "block" : "unblock");
  return { jid };
}

export async function setName(
  { sock }: MutationContext,
  { who, name }: CommandInput<"contact.setName">,
): Promise<ExecutorResult<CommandOutput<"contact.setName">>> {
  const jid = await phoneOf(sock, who);
  const { lid } = await bothOf(sock, jid);
  await sock.addOrEditContact(jid, {
    fullName: name,
    firstName: name.split(/\s/)[0] ?? name,
    saveOnPrimaryAddressbook: true,
    ...defined({ lidJid: lid ?? undefined }),
  });
  // Baileys emits no event for our own change.
  return new ExecutorResult({ jid, lid }, { contacts: [{ jid, name, ...defined({ lid: lid ?? undefined }) }] });
}

export async function resolveLid(
  { sock }: ConnectedContext,
  { who }: CommandInput<"contact.resolveLid">,
): Promise<ExecutorResult<CommandOutput<"contact.resolveLid">>> {
  const { jid, lid } = await bothOf(sock, who);
  return new ExecutorResult({ jid, lid }, jid && lid ? { contacts: [{ jid, lid, link: true }] } : {});
}

/** Returns both JIDs of a person, if the session or WhatsApp knows the other one. */
async function bothOf(sock: WASocket, who: string): Promise<{ jid: string | null; lid: string | null }> {
  const { lidMapping } = sock.signalRepository;
  const plain = (other: string | null) => (other ? jidNormalizedUser(other) : null);
  if (isLidJid(who)) return { jid: plain(await lidMapping.getPNForLID(who)), lid: who };
  return { jid: who, lid: plain(await lidMapping.getLIDForPN(who)) };
}

/** Returns WhatsApp's spelling of a phone number, which some requests need. Throws `contact_not_found`. */
async function phoneOf(sock: WASocket, who: string): Promise<string> {
  const { jid } = await bothOf(sock, await resolveRecipient(sock, who));
  if (!jid) throw new AppError("contact_not_found", `the phone number of ${who} is not known`);
  return jid;
}
