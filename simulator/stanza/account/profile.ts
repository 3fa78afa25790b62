import { child, children, node } from "../../wire/node.ts";
import { Refusal } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";

// Source of all requests and answers in this file: Baileys' Socket/chats.ts.

/** `blocklist`: blocks and unblocks accounts, and returns the list. */
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

/**
 * `abt`: returns the server properties. The hash is constant, so clients keep their cached copy. Source of 9435:
 * `LID_ONE_ON_ONE_MIGRATION_ENABLED` in whatsapp-rust's wacore/src/iq/abprops.rs; its default is false.
 */
export const props: IqHandler = (iq, { world, device }) => {
  const tokens = String(!world.rules.relaxed("privacy_token_property"));
  return result(iq, [
    node("props", { hash: "sim1", refresh: "86400", protocol: "1" }, [
      // `privacy_token_sending_on_all_1_on_1_messages` and `profile_scraping_privacy_token_in_photo_iq`
      node("prop", { config_code: "10518", config_value: tokens }),
      node("prop", { config_code: "9666", config_value: tokens }),
      ...(device.account.lidMigrated ? [node("prop", { config_code: "9435", config_value: "1" })] : []),
    ]),
  ]);
};

/**
 * `status`: reads who sees the account's status posts, which are its contacts (`GetStatusPrivacy` in whatsmeow's
 * broadcast.go). Until 2026, it also set the about text. whatsmeow replaced that in August 2026 with a GraphQL mutation
 * (`SetStatusMessage` in user.go). No source shows the error of the old request.
 */
export const status: IqHandler = (iq) => {
  if (iq.attrs.type !== "get" || !child(iq, "privacy")) throw new Refusal(400, "bad-request");
  return result(iq, [node("privacy", {}, [node("list", { type: "contacts", default: "true" })])]);
};
