import type { CommandOutput } from "../../../core/command/catalog/index.ts";
import { findLid, type LidPair } from "../../../core/contact/index.ts";
import { AppError } from "../../../core/error.ts";
import { type InstanceContext, Pending } from "../engine/context.ts";
import { runCommand } from "../engine/run-command.ts";

/**
 * Returns the phone-number JID and the LID of a person, from the contacts, otherwise from the session. Throws
 * `contact_not_found` unless both are known.
 */
export async function getLidPair(context: InstanceContext, who: string): Promise<LidPair | Pending> {
  const pair = await findLid(context.deps.db, context.instance.id, who);
  if (pair) return pair;
  const resolved = await runCommand(context, "contact.resolveLid", { who });
  if (resolved instanceof Pending) return resolved;
  const { jid, lid } = resolved as CommandOutput<"contact.resolveLid">;
  if (!jid || !lid) throw new AppError("contact_not_found", "the phone number or the LID of this person is not known");
  return { jid, lid };
}
