import type { CommandOutput } from "../../../core/command/catalog/index.ts";
import {
  type ContactsRequest,
  countLids,
  findContact,
  findLid,
  type LidPair,
  readContacts,
  readLids,
} from "../../../core/contact/index.ts";
import { AppError } from "../../../core/error.ts";
import { type InstanceContext, Pending } from "../context.ts";
import { runCommand } from "../run-command.ts";

export const listContacts = (context: InstanceContext, request: ContactsRequest) =>
  readContacts(context.deps.db, context.instance.id, request);

export const getContact = (context: InstanceContext, { contactId }: { contactId: string }) =>
  findContact(context.deps.db, context.instance.id, contactId);

export const listLids = (context: InstanceContext) => readLids(context.deps.db, context.instance.id);

export const getLidCount = (context: InstanceContext) => countLids(context.deps.db, context.instance.id);

/** Both names of a person: from the contacts, else the session is asked. Throws `contact_not_found`. */
export async function getLid(context: InstanceContext, who: string): Promise<LidPair | Pending> {
  const pair = await findLid(context.deps.db, context.instance.id, who);
  if (pair) return pair;
  const answer = await runCommand(context, "contact.resolveLid", { who });
  if (answer instanceof Pending) return answer;
  const { jid, lid } = answer as CommandOutput<"contact.resolveLid">;
  if (!jid || !lid) throw new AppError("contact_not_found", "nobody has told whose it is");
  return { jid, lid };
}
