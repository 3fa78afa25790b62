import type { Account } from "../../model/account.ts";
import { isLidJid, PN_SERVER, parseJid } from "../../wire/jid.ts";
import { type BinaryNode, bytes, child, children, node } from "../../wire/node.ts";
import { Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";

/** Answers one protocol of a query for one account. `jid` is the JID in the client's query. */
type Protocol = (account: Account, jid: string, viewer: Account, query: Buffer | undefined) => BinaryNode | undefined;

const protocols: Record<string, Protocol> = {
  devices: (account, jid) => {
    const list = [...account.endpoints()].map((endpoint) =>
      endpoint.id === 0
        ? node("device", { id: "0" })
        : node("device", { id: String(endpoint.id), "key-index": String(endpoint.id) }),
    );
    return node("devices", {}, [node("device-list", { hash: account.deviceHash(parseJid(jid).server) }, list)]);
  },
  // Only for a query by phone number: clients take the JID in the answer as the phone number of the mapping.
  lid: (account, jid) => (isLidJid(jid) ? undefined : node("lid", { val: account.lidJid })),
  // The answer repeats the query. Source: `IsOnWhatsApp` in whatsmeow's user.go.
  contact: (_account, _jid, _viewer, query) => node("contact", { type: "in" }, query),
  status: (account, _jid, viewer) =>
    account.shows("status", viewer)
      ? node("status", { t: "0" }, Buffer.from(account.about))
      : node("status", { code: "401" }),
  // Source: `GetUserInfo` in whatsmeow's user.go.
  picture: ({ picture }) => picture && node("picture", { id: picture.id }),
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
  const query = children(child(request, "query"));
  for (const { tag } of query) if (!protocols[tag]) throw new Unsupported(`usync protocol ${tag}`);
  const byLid = query.some(({ tag, attrs }) => tag === "contact" && attrs.addressing_mode === "lid");
  const users = children(child(request, "list"), "user").map((user) => {
    const contact = bytes(child(user, "contact"));
    const jid = user.attrs.jid ?? `${contact?.toString().replace(/\D/g, "")}@${PN_SERVER}`;
    const account = world.accountOf(jid);
    if (!account) {
      const unknown = query.some(({ tag }) => tag === "contact") ? [node("contact", { type: "out" }, contact)] : [];
      return node("user", { jid }, unknown);
    }
    if (query.some(({ tag }) => tag === "devices")) account.watchers.add(device);
    const answers = query
      .map(({ tag }) => protocols[tag]?.(account, jid, device.account, contact))
      .filter((found) => found !== undefined);
    // Source: `IsOnWhatsApp` in whatsmeow's user.go.
    const names = byLid ? { jid: account.lidJid, pn_jid: account.pnJid } : { jid };
    return node("user", names, answers);
  });
  return result(iq, [
    node("usync", { ...request?.attrs }, [
      node(
        "result",
        {},
        query.map(({ tag }) => node(tag)),
      ),
      node("list", {}, users),
    ]),
  ]);
};
