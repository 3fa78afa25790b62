import { type Account, type Endpoint, HOSTED_DEVICE } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { isLidJid, PN_SERVER, parseJid } from "../../wire/jid.ts";
import { type BinaryNode, bytes, child, children, node } from "../../wire/node.ts";
import { Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";

/** What a client asks about one account. `jid` is the JID in the client's query. */
type Question = { account: Account; jid: string; viewer: Account; contact: Buffer | undefined; world: World };

/** Answers one protocol of a query. */
type Protocol = (question: Question) => BinaryNode | undefined;

function deviceNode({ id }: Endpoint): BinaryNode {
  if (id === 0) return node("device", { id: "0" });
  const hosted = id === HOSTED_DEVICE ? "true" : undefined;
  return node("device", { id: String(id), "key-index": String(id), is_hosted: hosted });
}

/**
 * Whether WhatsApp hides the devices of an account from a query by phone number. Source:
 * https://github.com/WhiskeySockets/Baileys/issues/2794.
 */
const hidesDevices = ({ account, jid, viewer, world }: Question): boolean =>
  viewer.lidMigrated && account !== viewer && !isLidJid(jid) && !world.rules.relaxed("no_devices_for_numbers");

const protocols: Record<string, Protocol> = {
  devices: (question) => {
    const { account, jid } = question;
    const list = hidesDevices(question) ? [] : [...account.endpoints()].map(deviceNode);
    return node("devices", {}, [node("device-list", { hash: account.deviceHash(parseJid(jid).server) }, list)]);
  },
  // Only for a query by phone number: clients take the JID in the answer as the phone number of the mapping.
  lid: ({ account, jid }) => (isLidJid(jid) ? undefined : node("lid", { val: account.lidJid })),
  // The answer repeats the query. Source: `IsOnWhatsApp` in whatsmeow's user.go.
  contact: ({ contact }) => node("contact", { type: "in" }, contact),
  status: ({ account, viewer }) =>
    account.shows("status", viewer)
      ? node("status", { t: "0" }, Buffer.from(account.about))
      : node("status", { code: "401" }),
  // Source: `GetUserInfo` in whatsmeow's user.go.
  picture: ({ account: { picture } }) => picture && node("picture", { id: picture.id }),
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
      .map(({ tag }) => protocols[tag]?.({ account, jid, viewer: device.account, contact, world }))
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
