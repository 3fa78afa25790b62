import type { WASocket } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { plainJid } from "../baileys/address/jids.ts";
import { lookedUp, unanswered } from "../baileys/look-up.ts";
import { answerOf, inTime } from "./answer.ts";
import { patchAppState } from "./app-state.ts";
import { resolveRecipient } from "./message.ts";
import { ExecutorResult } from "./result.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

/** Checks which numbers are on WhatsApp. For a while, the gateway refuses sends to a number that is not on WhatsApp. */
export async function check(
  { sock }: ConnectedContext,
  { numbers }: CommandInput<"contact.check">,
): Promise<ExecutorResult<CommandOutput<"contact.check">>> {
  const answers = await lookUpNumbers(sock, [...new Set(numbers)]);
  const present = [...answers.values()].flatMap((jid) => jid ?? []);
  const pairs = present.length > 0 ? ((await sock.signalRepository.lidMapping.getLIDsForPNs(present)) ?? []) : [];
  const lids = new Map(pairs.map(({ pn, lid }) => [plainJid(pn), plainJid(lid)]));
  const output = numbers.map((number) => {
    const jid = answers.get(number) ?? null;
    return { phone: number.split("@")[0] ?? "", exists: jid !== null, jid, lid: (jid && lids.get(jid)) ?? null };
  });
  return new ExecutorResult(
    { numbers: output },
    {
      numbers: [...answers].flatMap(([number, jid]) =>
        [...new Set([number, jid ?? number])].map((spelling) => ({ jid: spelling, exists: jid !== null })),
      ),
      contacts: [...lids].map(([jid, lid]) => ({ jid, lid, link: true as const })),
    },
  );
}

/**
 * Returns WhatsApp's JID of each number, or null if the number is not on WhatsApp. Numbers of some countries have two
 * spellings, and WhatsApp may answer with the spelling that was not requested. The requested number is then looked up
 * again alone, so that the answer can only be for this number.
 */
async function lookUpNumbers(sock: WASocket, numbers: readonly string[]): Promise<Map<string, string | null>> {
  const found = await lookedUp("the numbers", sock.onWhatsApp(...numbers));
  if (!found) throw unanswered("the numbers");
  const [only] = numbers;
  if (numbers.length === 1 && only !== undefined) {
    const [answer] = found;
    return new Map([[only, answer?.exists ? plainJid(answer.jid) : null]]);
  }
  const answered = new Map(found.map(({ jid, exists }) => [plainJid(jid), exists]));
  const answers = new Map<string, string | null>();
  for (const number of numbers) {
    const exists = answered.get(number);
    if (exists === undefined) answers.set(number, (await lookUpNumbers(sock, [number])).get(number) ?? null);
    else answers.set(number, exists ? number : null);
  }
  return answers;
}

export async function about(
  { sock, addressing }: ConnectedContext,
  { who }: CommandInput<"contact.about">,
): Promise<CommandOutput<"contact.about">> {
  const jid = await resolveRecipient(sock, who);
  return { jid, ...(await readShownProfile(sock, await addressing.jidOf(jid))) };
}

export async function picture(
  { sock, addressing }: ConnectedContext,
  { who, size }: CommandInput<"contact.picture">,
): Promise<CommandOutput<"contact.picture">> {
  const group = isGroupJid(who);
  const jid = group ? who : await resolveRecipient(sock, who);
  const target = group ? jid : await addressing.jidOf(jid);
  const url = await unlessHidden(sock.profilePictureUrl(target, size === "full" ? "image" : "preview"));
  return { jid, pictureUrl: url ?? null };
}

export async function blocked({ sock }: ConnectedContext): Promise<CommandOutput<"contact.blocked">> {
  const jids = (await answerOf(sock.fetchBlocklist())).flatMap((jid) => (jid ? [plainJid(jid)] : []));
  const people = await Promise.all(jids.map((jid) => bothJids(sock, jid)));
  return {
    people: people.map(({ jid, lid }) => ({ phoneNumber: jid && (jid.split("@")[0] ?? null), jid, lid })),
  };
}

/** Returns a person's "about" text and picture. A value that the person hides from this account is null. */
export async function readShownProfile(
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

/** WhatsApp's codes for hidden or missing values: not authorized, forbidden, item not found. */
const hiddenCodes = [401, 403, 404];

/** Returns WhatsApp's answer, or undefined if the value is hidden or missing. */
async function unlessHidden<Answer>(request: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await lookedUp("the profile", request);
  } catch (error) {
    // Baileys puts WhatsApp's code into `data`.
    if (hiddenCodes.includes(Number((error as { data?: unknown }).data))) return undefined;
    throw error;
  }
}

export async function setBlocked(
  { sock }: MutationContext,
  { who, blocked }: CommandInput<"contact.setBlocked">,
): Promise<CommandOutput<"contact.setBlocked">> {
  const jid = await phoneOf(sock, who);
  await inTime(sock.updateBlockStatus(jid, blocked ? "block" : "unblock"));
  return { jid };
}

export async function setName(
  { sock }: MutationContext,
  { who, name }: CommandInput<"contact.setName">,
): Promise<ExecutorResult<CommandOutput<"contact.setName">>> {
  const jid = await phoneOf(sock, who);
  const { lid } = await bothJids(sock, jid);
  await patchAppState(sock, "critical_unblock_low", () =>
    sock.addOrEditContact(jid, {
      fullName: name,
      firstName: name.split(/\s/)[0] ?? name,
      saveOnPrimaryAddressbook: true,
      ...defined({ lidJid: lid ?? undefined }),
    }),
  );
  // Baileys emits no event for our own change.
  return new ExecutorResult({ jid, lid }, { contacts: [{ jid, name, ...defined({ lid: lid ?? undefined }) }] });
}

export async function resolveLid(
  { sock }: ConnectedContext,
  { who }: CommandInput<"contact.resolveLid">,
): Promise<ExecutorResult<CommandOutput<"contact.resolveLid">>> {
  const { jid, lid } = await bothJids(sock, who);
  return new ExecutorResult({ jid, lid }, jid && lid ? { contacts: [{ jid, lid, link: true }] } : {});
}

/**
 * Returns a person's phone number (as a JID) and LID. The phone number or the LID is null if neither the session nor
 * WhatsApp knows it.
 */
async function bothJids(sock: WASocket, who: string): Promise<{ jid: string | null; lid: string | null }> {
  const { lidMapping } = sock.signalRepository;
  const plain = (other: string | null) => (other ? plainJid(other) : null);
  if (isLidJid(who)) return { jid: plain(await lidMapping.getPNForLID(who)), lid: who };
  return { jid: who, lid: plain(await lidMapping.getLIDForPN(who)) };
}

/** Returns a person's phone number as WhatsApp spells it, which some requests need. Throws `contact_not_found`. */
export async function phoneOf(sock: WASocket, who: string): Promise<string> {
  const { jid } = await bothJids(sock, await resolveRecipient(sock, who));
  if (!jid) throw new AppError("contact_not_found", `the phone number of ${who} is not known`);
  return jid;
}
