import { appState } from "../stanza/account/app-state.ts";
import { picture } from "../stanza/account/picture.ts";
import { receivePresence } from "../stanza/account/presence.ts";
import { blocklist, privacy, props, status } from "../stanza/account/profile.ts";
import { usync } from "../stanza/account/usync.ts";
import { receiveCall } from "../stanza/call.ts";
import { mex, newsletter } from "../stanza/channel/queries.ts";
import { linkCode, unlink } from "../stanza/device/link.ts";
import { completePairing } from "../stanza/device/pairing.ts";
import { encrypt } from "../stanza/device/prekeys.ts";
import { groups } from "../stanza/group/queries.ts";
import { type IqHandler, Refusal, Unsupported } from "../stanza/iq.ts";
import { mediaConnection } from "../stanza/media-connection.ts";
import { receiveAck } from "../stanza/message/ack.ts";
import { receiveMessage } from "../stanza/message/message.ts";
import { receiveReceipt } from "../stanza/message/receipt.ts";
import { BadStanza, type BinaryNode, child, failure, node, result } from "../wire/node.ts";
import type { Connection } from "./connection.ts";

const acknowledge: IqHandler = (iq) => result(iq);

const iqs: Record<string, IqHandler> = {
  encrypt,
  usync,
  privacy,
  blocklist,
  status,
  md: (iq, origin) => (child(iq, "link_code_companion_reg") ? linkCode(iq, origin.connection) : unlink(iq, origin)),
  passive: (iq, { connection }) => {
    connection.send(result(iq));
    if (child(iq, "active")) connection.activate();
    return undefined;
  },
  abt: props,
  "w:p": acknowledge,
  "w:stats": acknowledge,
  "urn:xmpp:whatsapp:dirty": acknowledge,
  "w:m": mediaConnection,
  "w:sync:app:state": appState,
  "w:g2": groups,
  "w:mex": mex,
  newsletter,
  "w:profile:picture": picture,
};

function answer(iq: BinaryNode, connection: Connection): void {
  const { device, world } = connection;
  if (!device) {
    answerUnpaired(iq, connection);
    return;
  }
  const fault = device.faults.iq.take(({ xmlns }) => xmlns === undefined || xmlns === iq.attrs.xmlns);
  if (fault) {
    connection.send(failure(iq, fault.code, "requested by the test"));
    return;
  }
  try {
    const handler = iqs[iq.attrs.xmlns ?? ""];
    if (!handler) throw new Unsupported(`iq ${iq.attrs.xmlns}`);
    const reply = handler(iq, { world, connection, device });
    if (device.faults.iqUnanswered.take(({ xmlns }) => xmlns === iq.attrs.xmlns)) connection.cut();
    else if (reply) connection.send(reply);
  } catch (error) {
    refuse(iq, connection, error);
  }
}

function refuse(iq: BinaryNode, connection: Connection, error: unknown): void {
  if (error instanceof Refusal) {
    connection.send(failure(iq, error.code, error.message));
    return;
  }
  if (!(error instanceof Unsupported) && !(error instanceof BadStanza)) throw error;
  connection.note(iq, error.message);
  const known = error instanceof BadStanza;
  connection.send(failure(iq, known ? 400 : 501, known ? "bad-request" : "feature-not-implemented"));
}

/** Before it is paired a socket may only answer `pair-device` and `pair-success`, ask for a code, and ping. */
function answerUnpaired(iq: BinaryNode, connection: Connection): void {
  try {
    if (iq.attrs.type === "result") {
      if (child(iq, "pair-device-sign")) completePairing(connection, iq);
      return;
    }
    if (iq.attrs.xmlns === "w:p") {
      connection.send(result(iq));
      return;
    }
    if (!child(iq, "link_code_companion_reg")) throw new Unsupported("request on a socket that is not paired");
    const reply = linkCode(iq, connection);
    if (reply) connection.send(reply);
  } catch (error) {
    refuse(iq, connection, error);
  }
}

/** One stanza from a client. */
export function handleStanza(connection: Connection, stanza: BinaryNode): void {
  const { world, device } = connection;
  if (stanza.tag === "iq") {
    answer(stanza, connection);
    return;
  }
  if (stanza.tag === "ib") return;
  if (stanza.tag === "xmlstreamend") {
    connection.close();
    return;
  }
  if (!device) {
    // A client that was just paired sends its push name and telemetry before it notices the restart.
    if (stanza.tag === "presence" || stanza.tag === "ack") return;
    connection.note(stanza, "stanza on a socket that is not paired");
    return;
  }
  switch (stanza.tag) {
    case "message":
      receiveMessage(world, connection, device, stanza);
      return;
    case "receipt":
      receiveReceipt(world, connection, device, stanza);
      return;
    case "ack":
      receiveAck(world, device, stanza);
      return;
    case "call":
      receiveCall(world, connection, device, stanza);
      return;
    case "presence":
    case "chatstate":
      receivePresence(world, device, stanza);
      return;
    default:
      connection.note(stanza, `stanza <${stanza.tag}>`);
      if (stanza.attrs.id) {
        connection.send(node("ack", { id: stanza.attrs.id, class: stanza.tag, error: "501" }));
      }
  }
}
