import type { Endpoint } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { isLidJid, LID_SERVER, PN_SERVER, parseJid } from "../../wire/jid.ts";
import { type BinaryNode, child, children } from "../../wire/node.ts";
import type { Rejection } from "../errors.ts";

/**
 * Returns why the server refuses how a linked device addresses a message to one person. A phone may use either address,
 * because its app may be older than the rules.
 */
export function addressProblem({ rules }: World, { id, account }: Endpoint, stanza: BinaryNode): Rejection | undefined {
  const { to = "" } = stanza.attrs;
  const fanout = child(stanza, "participants");
  if (id === 0 || !fanout) return undefined;
  if (!isLidJid(to) && account.lidMigrated && !rules.relaxed("migrated_account_uses_lid")) {
    return { code: 463, reason: "an account that is moved to LIDs names a phone number" };
  }
  if (isLidJid(to) && !account.lidMigrated && !rules.relaxed("unmigrated_account_uses_number")) {
    return { code: 400, reason: "an account that is not moved to LIDs names a LID" };
  }
  const server = isLidJid(to) ? LID_SERVER : PN_SERVER;
  const isMixed = children(fanout, "to").some(({ attrs }) => plainServer(attrs.jid ?? "") !== server);
  if (isMixed && !rules.relaxed("one_kind_of_address_per_message")) {
    return { code: 400, reason: "the message names its chat and its devices by different kinds of JIDs" };
  }
  return undefined;
}

/** Returns the server of a JID, of a hosted device that of its account. */
function plainServer(jid: string): string {
  if (!jid.includes("@")) return "";
  const { server } = parseJid(jid);
  return plainServers[server] ?? server;
}

const plainServers: Partial<Record<string, string>> = { hosted: PN_SERVER, "hosted.lid": LID_SERVER };
