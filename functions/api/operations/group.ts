import { AppError } from "../../../core/error.ts";
import { isGroupJid } from "../../../core/message/recipient.ts";
import type { InstanceContext } from "../context.ts";

/** A message to a group must not go to a person whose number stands where the group should. Throws `invalid_request`. */
export async function assertGroup(_context: InstanceContext, { to }: { to: string }): Promise<void> {
  if (!isGroupJid(to)) throw new AppError("invalid_request", "groupId: must be the id of a WhatsApp group");
}
