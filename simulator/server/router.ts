import type { Connection } from "../model/connection.ts";
import type { World } from "../model/world.ts";
import { linkCode } from "../stanza/device/link-code.ts";
import { completePairing } from "../stanza/device/pairing.ts";
import { passkeyStep } from "../stanza/device/passkey.ts";
import { Refusal, Unanswered, Unsupported } from "../stanza/errors.ts";
import { failure, type Origin, result } from "../stanza/iq.ts";
import { limitLookups } from "../stanza/lookup.ts";
import { BadStanza, type BinaryNode, child, node } from "../wire/node.ts";
import { iqHandlers, stanzaHandlers } from "./routes.ts";

/** Handles a stanza from a client. */
export function handleStanza(world: World, connection: Connection, stanza: BinaryNode): void {
  const { device } = connection;
  if (stanza.tag === "ib") return;
  if (stanza.tag === "xmlstreamend") connection.close();
  else if (!device) handleUnpaired(world, connection, stanza);
  else if (stanza.tag === "iq") handleIq(stanza, { world, connection, device });
  else handleOther(stanza, { world, connection, device });
}

function handleOther(stanza: BinaryNode, origin: Origin): void {
  const handle = stanzaHandlers[stanza.tag];
  if (handle) {
    handle(stanza, origin);
    return;
  }
  origin.connection.recordUnknown(stanza, `stanza <${stanza.tag}>`);
  if (stanza.attrs.id) {
    origin.connection.send(node("ack", { id: stanza.attrs.id, class: stanza.tag, error: "501" }));
  }
}

function handleIq(iq: BinaryNode, origin: Origin): void {
  const { device } = origin;
  const { xmlns = "" } = iq.attrs;
  device.queries.set(xmlns, (device.queries.get(xmlns) ?? 0) + 1);
  if (device.faults.answers.holds(xmlns, () => answerIq(iq, origin))) return;
  answerIq(iq, origin);
}

function answerIq(iq: BinaryNode, origin: Origin): void {
  const { connection, device } = origin;
  const { xmlns = "" } = iq.attrs;
  const fault = device.faults.iq.take(
    ({ xmlns: only, matches }) => (only === undefined || only === xmlns) && (matches?.(iq) ?? true),
  );
  if (fault) {
    connection.send(failure(iq, fault.code, "requested by the test"));
    return;
  }
  try {
    const handle = iqHandlers[xmlns];
    if (!handle) throw new Unsupported(`iq ${iq.attrs.xmlns}`);
    limitLookups(iq, origin);
    const answer = handle(iq, origin);
    const unanswered = device.faults.iqUnanswered.take((scheduled) => scheduled.xmlns === iq.attrs.xmlns);
    if (unanswered?.restart) connection.end({ code: "515" });
    else if (unanswered) connection.cut();
    else if (answer) connection.send(answer);
  } catch (error) {
    refuse(origin.world, iq, connection, error);
  }
}

function refuse(world: World, iq: BinaryNode, connection: Connection, error: unknown): void {
  if (error instanceof Refusal) {
    connection.send(failure(iq, error.code, error.message));
    return;
  }
  if (!(error instanceof Unsupported) && !(error instanceof BadStanza) && !(error instanceof Unanswered)) throw error;
  connection.recordUnknown(iq, error.message);
  if (error instanceof Unanswered || !world.rules.relaxed("unanswered_request")) return;
  const malformed = error instanceof BadStanza;
  connection.send(failure(iq, malformed ? 400 : 501, malformed ? "bad-request" : "feature-not-implemented"));
}

function handleUnpaired(world: World, connection: Connection, stanza: BinaryNode): void {
  if (stanza.tag !== "iq") {
    // A newly linked client sends a presence and acks before it notices 515.
    if (stanza.tag !== "presence" && stanza.tag !== "ack") {
      connection.recordUnknown(stanza, "stanza on a socket that is not linked");
    }
    return;
  }
  try {
    const answer = answerUnpaired(world, connection, stanza);
    if (answer) connection.send(answer);
  } catch (error) {
    refuse(world, stanza, connection, error);
  }
}

/** Before it is linked, a client may only answer `pair-device` and `pair-success`, link with a code or a passkey, and ping. */
function answerUnpaired(world: World, connection: Connection, iq: BinaryNode): BinaryNode | undefined {
  if (iq.attrs.type === "result") {
    if (child(iq, "pair-device-sign")) completePairing(world, connection, iq);
    return undefined;
  }
  if (iq.attrs.xmlns === "w:p") return result(iq);
  const step = passkeyStep(iq, { world, connection });
  if (step) return step;
  if (!child(iq, "link_code_companion_reg")) throw new Unsupported("request on a socket that is not linked");
  return linkCode(iq, { world, connection });
}
