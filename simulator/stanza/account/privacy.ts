import type { Account } from "../../model/account.ts";
import { child, children, node } from "../../wire/node.ts";
import { Refusal, Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";
import { issuePrivacyToken } from "./privacy-token.ts";

const AUDIENCES = ["all", "contacts", "contact_blacklist", "none"];

/**
 * The values of each setting. All are `all` until somebody changes them. Source: `PrivacySettingType` and `PrivacySetting`
 * in whatsmeow's types/user.go.
 */
const VALUES: Record<string, readonly string[]> = {
  readreceipts: ["all", "none"],
  profile: AUDIENCES,
  status: AUDIENCES,
  online: ["all", "match_last_seen"],
  last: AUDIENCES,
  groupadd: AUDIENCES,
  calladd: ["all", "known"],
  messages: ["all", "contacts"],
};

/** Changes a privacy setting. Throws `Refusal` for an unknown setting or value. */
export function changePrivacy(account: Account, name: string, value: string): void {
  if (!VALUES[name]?.includes(value)) throw new Refusal(400, "bad-request");
  account.privacy.set(name, value);
}

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
    changePrivacy(account, attrs.name ?? "", attrs.value ?? "");
  }
  const categories = Object.keys(VALUES).map((name) =>
    node("category", { name, value: account.privacy.get(name) ?? "all" }),
  );
  return result(iq, [node("privacy", {}, categories)]);
};
