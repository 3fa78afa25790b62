import type { Account } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, child, children, node } from "../../wire/node.ts";
import { Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";

const PRIVACY_DEFAULTS: Record<string, string> = {
  readreceipts: "all",
  profile: "all",
  status: "all",
  online: "all",
  last: "all",
  groupadd: "all",
  calladd: "all",
  messages: "all",
};

/**
 * `privacy`: returns and changes the settings, and forwards trusted-contact tokens. Source: `fetchPrivacySettings` and
 * `privacyQuery` in Baileys' Socket/chats.ts.
 */
export const privacy: IqHandler = (iq, { world, device }) => {
  const { account } = device;
  const tokens = child(iq, "tokens");
  if (tokens) {
    for (const { attrs } of children(tokens, "token")) {
      const contact = attrs.jid ? world.accountOf(attrs.jid) : undefined;
      if (contact && attrs.t) forwardToken(world, account, contact, attrs.t);
    }
    return result(iq);
  }
  if (!child(iq, "privacy")) throw new Unsupported("privacy");
  for (const { attrs } of children(child(iq, "privacy"), "category")) {
    if (attrs.name && attrs.value) account.privacy.set(attrs.name, attrs.value);
  }
  const settings = { ...PRIVACY_DEFAULTS, ...Object.fromEntries(account.privacy) };
  const categories = Object.entries(settings).map(([name, value]) => node("category", { name, value }));
  return result(iq, [node("privacy", {}, categories)]);
};

/**
 * Sends an account's trusted-contact token to the companions of a contact. Source: `handlePrivacyTokenNotification` in Baileys.
 */
function forwardToken(world: World, account: Account, contact: Account, t: string): void {
  const attrs = { jid: contact.lidJid, t, type: "trusted_contact" };
  const token = node("token", attrs, world.trustToken(account));
  for (const companion of contact.companions.values()) companion.deliver(tokenNotice(world, account, token));
}

function tokenNotice(world: World, account: Account, token: BinaryNode): BinaryNode {
  const { pnJid: from, lidJid } = account;
  const attrs = { from, sender_lid: lidJid, id: world.nextId(), type: "privacy_token", t: world.seconds };
  return node("notification", attrs, [node("tokens", {}, [token])]);
}
