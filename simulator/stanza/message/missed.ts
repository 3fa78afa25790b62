import { type Endpoint, endpointJid } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { deviceHash } from "../../wire/device-hash.ts";
import { isChannelJid, isGroupJid, isListJid, LID_SERVER, PN_SERVER, parseJid, STATUS_JID } from "../../wire/jid.ts";
import { type BinaryNode, child, children } from "../../wire/node.ts";

const participantHash = (devices: Iterable<Endpoint>, server: string): string =>
  deviceHash([...devices].map((device) => endpointJid(device, server)));

/**
 * Returns the hash for the acknowledgement of a message to other devices than those that should get it, or undefined.
 * A message to a group contains the sender's own hash. For a message to one person, WhatsApp compares the devices that
 * the message names. Sources: `encryptAndSendSenderKeyMsg` and `encryptAndSendUserMsg` in WhatsApp Web's modules
 * WAWebSendGroupSkmsgJob and WAWebSendUserMsgJob.
 */
export function hashOfMissed(world: World, sender: Endpoint, stanza: BinaryNode): string | undefined {
  const { to = "", participant, category, device_fanout: fanout, phash } = stanza.attrs;
  const isOther = isChannelJid(to) || isListJid(to) || to === STATUS_JID;
  if (isOther || participant || category || fanout === "false" || world.rules.relaxed("participant_hash"))
    return undefined;
  const group = isGroupJid(to) ? world.groups.get(to) : undefined;
  if (group) {
    const expected = participantHash(group.endpoints(), group.addressing === "lid" ? LID_SERVER : PN_SERVER);
    return expected === phash ? undefined : expected;
  }
  const recipient = world.accountOf(to);
  if (!recipient) return undefined;
  const named = children(child(stanza, "participants"), "to").map(({ attrs }) => world.endpointOf(attrs.jid ?? "@"));
  const devices = new Set([...recipient.endpoints(), ...sender.account.endpoints()]);
  const isExact =
    [...devices].every((device) => device === sender || named.includes(device)) && !named.includes(undefined);
  return isExact ? undefined : participantHash(devices, parseJid(to).server);
}
