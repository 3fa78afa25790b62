import { bytes, child, children, node, result } from "../../wire/node.ts";
import { type IqHandler, Refusal, Unsupported } from "../iq.ts";

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

/** Privacy settings, and trusted-contact tokens, which are handed to the contact's devices. */
export const privacy: IqHandler = (iq, { world, device }) => {
  const { account } = device;
  const tokens = child(iq, "tokens");
  if (tokens) {
    for (const { attrs } of children(tokens, "token")) {
      const contact = attrs.jid ? world.accountOf(attrs.jid) : undefined;
      if (!contact || !attrs.t) continue;
      const token = node(
        "token",
        { jid: contact.lidJid, t: attrs.t, type: "trusted_contact" },
        world.trustToken(account),
      );
      for (const companion of contact.companions.values()) {
        companion.deliver(
          node(
            "notification",
            {
              from: account.pnJid,
              sender_lid: account.lidJid,
              id: world.nextId(),
              type: "privacy_token",
              t: world.seconds,
            },
            [node("tokens", {}, [token])],
          ),
        );
      }
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

export const blocklist: IqHandler = (iq, { world, device }) => {
  const { blocked } = device.account;
  for (const { attrs } of children(iq, "item")) {
    const contact = attrs.jid ? world.accountOf(attrs.jid) : undefined;
    if (!contact) throw new Refusal(404, "item-not-found");
    if (attrs.action === "block") blocked.add(contact.lid);
    else blocked.delete(contact.lid);
  }
  const items = [...blocked].map((lid) => node("item", { jid: `${lid}@lid` }));
  return result(iq, [node("list", { dhash: "sim" }, items)]);
};

/** Server props. The hash stays the same, so clients keep what they cached. */
export const props: IqHandler = (iq) =>
  result(iq, [
    node("props", { hash: "sim1", refresh: "86400", protocol: "1" }, [
      node("prop", { config_code: "10518", config_value: "false" }),
    ]),
  ]);

export const status: IqHandler = (iq, { device }) => {
  const about = bytes(child(iq, "status"));
  if (about) device.account.about = about.toString();
  return result(iq);
};
