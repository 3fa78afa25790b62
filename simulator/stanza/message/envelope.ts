import { type Endpoint, endpointJid } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { LID_SERVER } from "../../wire/jid.ts";
import { type Attrs, type BinaryNode, bytes, node } from "../../wire/node.ts";
import { readPreKeyMessage } from "../../wire/protobuf.ts";
import { type Withheld, withheldContent } from "./withheld.ts";

/** Builds the attributes of a message to a group, or of a status post. */
export function participantEnvelope(world: World, sender: Endpoint, stanza: BinaryNode, chat: string): Attrs {
  const { id = "", type = "text", edit } = stanza.attrs;
  const attrs: Attrs = {
    id,
    type,
    t: world.seconds,
    from: chat,
    participant: endpointJid(sender, LID_SERVER),
    participant_pn: sender.account.pnJid,
    addressing_mode: "lid",
    notify: sender.account.pushName,
  };
  if (edit) attrs.edit = edit;
  return attrs;
}

/** Whether the target has blocked the sender. The server accepts messages from blocked accounts, but does not deliver them. */
export const isBlocked = (sender: Endpoint, target: Endpoint): boolean =>
  target.account.blocked.has(sender.account.lid);

/**
 * Delivers a message. Damages the message first if that fault is scheduled for the target device. With `withheld`, linked
 * devices get no ciphertext.
 */
export function deliverMessage(target: Endpoint, attrs: Attrs, content: BinaryNode[], withheld?: Withheld): void {
  const isWithheld = withheld !== undefined && target.id !== 0;
  const stanza = node("message", attrs, isWithheld ? withheldContent(withheld, content) : content);
  const damaged = target.id !== 0 && target.account.companions.get(target.id)?.faults.corruptIn.take();
  target.deliver(damaged ? corrupt(stanza) : stanza);
}

/** Adds the sender's ADV identity to a prekey message from a companion, so that the recipient can check it. */
export function withIdentity(content: BinaryNode[], identity: BinaryNode | undefined): BinaryNode[] {
  const prekey = content.some(({ tag, attrs }) => tag === "enc" && attrs.type === "pkmsg");
  return identity && prekey ? [...content, identity] : content;
}

/** Returns the stanza with one flipped bit in the MAC or signature of each ciphertext. */
export function corrupt(stanza: BinaryNode): BinaryNode {
  if (Array.isArray(stanza.content)) return { ...stanza, content: stanza.content.map(corrupt) };
  const ciphertext = stanza.tag === "enc" ? bytes(stanza) : undefined;
  if (!ciphertext) return stanza;
  const damaged = Buffer.from(ciphertext);
  // A prekey message has fields after its inner message. The MAC is at the end of the inner message.
  const authenticated = stanza.attrs.type === "pkmsg" ? readPreKeyMessage(damaged).message : damaged;
  authenticated[authenticated.length - 1] = (authenticated.at(-1) ?? 0) ^ 1;
  return { ...stanza, content: damaged };
}
