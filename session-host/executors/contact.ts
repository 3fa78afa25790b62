import { jidNormalizedUser, type WASocket } from "@whiskeysockets/baileys";
import type { CommandInput, CommandOutput } from "../../core/command/catalog.ts";
import { AppError } from "../../core/error.ts";
import type { ConnectedContext } from "./index.ts";
import { Outcome } from "./outcome.ts";

/** What WhatsApp says of each number; a send to one that is not on it is refused from now on, for a while. */
export async function check(
  { sock }: ConnectedContext,
  { numbers }: CommandInput<"contact.check">,
): Promise<Outcome<CommandOutput<"contact.check">>> {
  const answers = await ask(sock, [...new Set(numbers)]);
  const present = [...answers.values()].flatMap((jid) => jid ?? []);
  const pairs = present.length > 0 ? ((await sock.signalRepository.lidMapping.getLIDsForPNs(present)) ?? []) : [];
  const lids = new Map(pairs.map(({ pn, lid }) => [jidNormalizedUser(pn), jidNormalizedUser(lid)]));
  const output = numbers.map((number) => {
    const jid = answers.get(number) ?? null;
    return { phone: number.split("@")[0] ?? "", exists: jid !== null, jid, lid: (jid && lids.get(jid)) ?? null };
  });
  return new Outcome(
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
 * WhatsApp's JID of each number, null for one that is not on it. Some countries' numbers are written in two ways and answered
 * in the other one: which question that answers is certain only when it is asked alone.
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
