import type { Account } from "../../model/account.ts";
import type { Connection } from "../../model/connection.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, bytes, child, node } from "../../wire/node.ts";

/** Gives a contact the token of an account (rule `privacy_token_notice`). `t` is the time in seconds. */
export function issuePrivacyToken(world: World, account: Account, contact: Account, t = world.seconds): void {
  const attrs = { jid: contact.lidJid, t, type: "trusted_contact" };
  const token = node("token", attrs, world.privacyToken(account, contact));
  const { pnJid: from, lidJid } = account;
  for (const companion of contact.companions.values()) {
    const notice = { from, sender_lid: lidJid, id: world.nextId(), type: "privacy_token", t: world.seconds };
    companion.deliver(node("notification", notice, [node("tokens", {}, [token])]));
  }
}

/** Whether a stanza has the token that its recipient issued to its sender. */
export function hasPrivacyToken(world: World, sender: Account, recipient: Account, stanza: BinaryNode): boolean {
  return bytes(child(stanza, "tctoken"))?.equals(world.privacyToken(recipient, sender)) ?? false;
}

/** Records an error of the client if a stanza has another token than the recipient's (rule `privacy_token_of_recipient`). */
export function checkPrivacyToken(
  world: World,
  { connection, sender, recipient }: { connection: Connection; sender: Account; recipient: Account | undefined },
  stanza: BinaryNode | undefined,
): void {
  if (!stanza || !child(stanza, "tctoken") || world.rules.relaxed("privacy_token_of_recipient")) return;
  if (recipient && hasPrivacyToken(world, sender, recipient, stanza)) return;
  connection.recordUnknown(stanza, "the privacy token is not one that the recipient issued");
}
