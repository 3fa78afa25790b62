import type { Connection } from "../../model/connection.ts";
import type { PairingOffer } from "../../model/link/pairing.ts";
import type { World } from "../../model/world.ts";
import { parseJid } from "../../wire/jid.ts";
import { BadStanza, type BinaryNode, bytes, child, childBytes, node } from "../../wire/node.ts";
import { Refusal } from "../errors.ts";
import { result } from "../iq.ts";

/**
 * The display names that the server accepts: a common browser and system. The list of WhatsApp isn't known. Source:
 * `PairPhone` in whatsmeow's pair-code.go, Baileys#2769.
 */
const KNOWN_DISPLAY = /^(Chrome|Edge|Firefox|IE|Opera|Safari) \((Windows|Mac OS|macOS|Linux|Ubuntu)\)$/;

/**
 * Handles the two messages of a client that links with a code. Between these two, the phone sends its own message.
 * Source: `requestPairingCode` in Baileys' Socket/socket.ts.
 */
export function linkCode(iq: BinaryNode, { world, connection }: { world: World; connection: Connection }): BinaryNode {
  const { pairing } = connection;
  const request = child(iq, "link_code_companion_reg");
  if (!pairing) throw new Refusal(400, "already linked");
  if (request?.attrs.stage === "companion_hello") {
    const ref = receiveHello(world, request, pairing);
    world.linkRequests.add(parseJid(request.attrs.jid ?? "").user, connection);
    return result(iq, [
      node("link_code_companion_reg", { stage: "companion_hello" }, [node("link_code_pairing_ref", {}, ref)]),
    ]);
  }
  if (request?.attrs.stage === "companion_finish" && pairing.finish) {
    const bundle = childBytes(request, "link_code_pairing_wrapped_key_bundle", 32 + 12 + 96 + 16);
    const identity = childBytes(request, "companion_identity_public", 32);
    const { finish } = pairing;
    // Runs `finish` after this answer is sent, because the client needs the answer before it can handle `pair-success`.
    queueMicrotask(() => finish(bundle, identity));
    return result(iq);
  }
  throw new BadStanza(`link code stage ${request?.attrs.stage}`);
}

function receiveHello(world: World, request: BinaryNode, pairing: PairingOffer): Buffer {
  const number = parseJid(request.attrs.jid ?? "").user;
  const account = world.accounts.get(number);
  if (!account) throw new Refusal(404, "item-not-found");
  account.standing.codeRequests++;
  const fault = account.standing.codeRefusals.take();
  if (fault !== undefined) throw new Refusal(fault, fault === 429 ? "rate-overlimit" : "bad-request");
  const display = child(request, "companion_platform_display");
  if (!KNOWN_DISPLAY.test(String(bytes(display) ?? "")) && !world.rules.relaxed("pairing_display_name"))
    throw new Refusal(400, "bad-request");
  const ref = Buffer.from(pairing.refs[0] ?? "");
  pairing.hello = {
    wrappedEphemeral: childBytes(request, "link_code_pairing_wrapped_companion_ephemeral_pub", 80),
    companionNoiseKey: childBytes(request, "companion_server_auth_key_pub", 32),
    ref,
    number,
  };
  if (!pairing.hello.companionNoiseKey.equals(pairing.registration.noiseKey)) {
    throw new BadStanza("the Noise key in the code request is not the client's");
  }
  return ref;
}
