import type { Account } from "../../model/account.ts";
import type { Group } from "../../model/group.ts";
import { Refusal } from "../errors.ts";

/** Throws 403 if the account is not an admin of the group. */
export function requireAdmin(group: Group, actor: Account): void {
  if (!group.isAdmin(actor)) throw new Refusal(403, "forbidden");
}
