import type { Account } from "../../model/account.ts";
import { isLidJid } from "../../wire/jid.ts";
import { type BinaryNode, bytes, child, children, node } from "../../wire/node.ts";
import { Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";

/** Answers one protocol of a query for one account. `jid` is the JID in the client's query. */
type Protocol = (account: Account, jid: string, viewer: Account) => BinaryNode | undefined;

const protocols: Record<string, Protocol> = {
  devices: (account) => {
    const list = [...account.endpoints()].map((endpoint) =>
      endpoint.id === 0
        ? node("device", { id: "0" })
        : node("device", { id: String(endpoint.id), "key-index": String(endpoint.id) }),
    );
    return node("devices", {}, [node("device-list", { hash: "2:sim" }, list)]);
  },
  // Only for a query by phone number: clients take the JID in the answer as the phone number of the mapping.
  lid: (account, jid) => (isLidJid(jid) ? undefined : node("lid", { val: account.lidJid })),
  contact: () => node("contact", { type: "in" }),
  status: (account, _jid, viewer) =>
    account.shows("status", viewer)
      ? node("status", { t: "0" }, Buffer.from(account.about))
      : node("status", { code: "401" }),
  disappearing_mode: () => node("disappearing_mode", { duration: "0", t: "0" }),
  username: () => undefined,
  bot: () => undefined,
  business: () => undefined,
};

/**
 * `usync`: returns whether numbers are on WhatsApp, and their devices, LIDs and about texts. Source: Baileys'
 * WAUSync/Protocols.
 */
export const usync: IqHandler = (iq, { world, device }) => {
  const request = child(iq, "usync");
  const protocolTags = children(child(request, "query")).map(({ tag }) => tag);
  for (const tag of protocolTags) if (!protocols[tag]) throw new Unsupported(`usync protocol ${tag}`);
  const users = children(child(request, "list"), "user").map((user) => {
    const number = bytes(child(user, "contact"))?.toString();
    const jid = user.attrs.jid ?? `${number?.replace(/\D/g, "")}@s.whatsapp.net`;
    const account = world.accountOf(jid);
    if (!account) {
      const unknown = protocolTags.includes("contact") ? [node("contact", { type: "out" })] : [];
      return node("user", { jid }, unknown);
    }
    if (protocolTags.includes("devices")) account.watchers.add(device);
    const answers = protocolTags
      .map((tag) => protocols[tag]?.(account, jid, device.account))
      .filter((found) => found !== undefined);
    return node("user", { jid }, answers);
  });
  return result(iq, [
    node("usync", { ...request?.attrs }, [
      node(
        "result",
        {},
        protocolTags.map((tag) => node(tag)),
      ),
      node("list", {}, users),
    ]),
  ]);
};
