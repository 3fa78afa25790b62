import { node } from "../../wire/node.ts";
import { checkPrivacyToken, hasPrivacyToken } from "../account/privacy-token.ts";
import { restrictionOf } from "../account/restriction.ts";
import { serverIdOf } from "../channel/post.ts";
import type { StanzaHandler } from "../iq.ts";
import { corrupt } from "./envelope.ts";
import { hashOfMissed } from "./missed.ts";
import { routeMessage } from "./route.ts";

/** `message` from a client: delivers and acknowledges the message, or rejects the message with an error in the ack. */
export const receiveMessage: StanzaHandler = (stanza, { world, connection, device }) => {
  device.counts.received++;
  const { id, to } = stanza.attrs;
  if (!id || !to) {
    connection.recordUnknown(stanza, "the message has no id or no recipient");
    return;
  }
  if (device.faults.unacknowledged.take()) device.faults.dropped.add(id);
  if (device.faults.dropped.has(id)) return;
  const recipient = world.accountOf(to);
  checkPrivacyToken(world, { connection, sender: device.account, recipient }, stanza);
  if (recipient && hasPrivacyToken(world, device.account, recipient, stanza)) device.counts.tokens++;
  const fault = device.faults.ack.take();
  const damaged = device.faults.corruptOut.take() ? corrupt(stanza) : stanza;
  const rejection =
    fault === undefined
      ? (restrictionOf(world, device, stanza) ?? routeMessage(world, device, damaged))
      : { code: fault };
  const error = rejection ? String(rejection.code) : undefined;
  const phash = rejection ? undefined : hashOfMissed(world, device, stanza);
  const serverId = serverIdOf(world, to, id);
  connection.send(node("ack", { class: "message", id, from: to, t: world.seconds, error, server_id: serverId, phash }));
};
