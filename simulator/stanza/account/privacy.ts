import { child, children, node } from "../../wire/node.ts";
import { Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";
import { issuePrivacyToken } from "./privacy-token.ts";

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
 * `privacy`: returns and changes the settings, and issues privacy tokens. Source: `fetchPrivacySettings` and
 * `privacyQuery` in Baileys' Socket/chats.ts.
 */
export const privacy: IqHandler = (iq, { world, device }) => {
  const { account } = device;
  const tokens = child(iq, "tokens");
  if (tokens) {
    for (const { attrs } of children(tokens, "token")) {
      const contact = attrs.jid ? world.accountOf(attrs.jid) : undefined;
      if (contact && attrs.t) issuePrivacyToken(world, account, contact, attrs.t);
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
