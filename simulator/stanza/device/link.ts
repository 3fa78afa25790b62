import type { Connection } from "../../server/connection.ts";
import { parseJid } from "../../wire/jid.ts";
import { BadStanza, type BinaryNode, child, childBytes, node, result } from "../../wire/node.ts";
import { type IqHandler, Refusal, Unsupported } from "../iq.ts";
import { removeDevice } from "./devices.ts";

/** `remove-companion-device`: the client logs itself out. */
export const unlink: IqHandler = (iq, { world, connection, device }) => {
  if (!child(iq, "remove-companion-device")) throw new Unsupported("md");
  connection.send(result(iq));
  removeDevice(world, device);
  return undefined;
};

/** Linking with a code: the client's two messages; the phone speaks in between. */
export function linkCode(iq: BinaryNode, connection: Connection): BinaryNode {
  const { pairing, world } = connection;
  const request = child(iq, "link_code_companion_reg");
  if (!pairing) throw new Refusal(400, "already linked");
  if (request?.attrs.stage === "companion_hello") {
    const number = parseJid(request.attrs.jid ?? "").user;
    if (!world.accounts.has(number)) throw new Refusal(404, "item-not-found");
    const ref = Buffer.from(pairing.refs[0] ?? "");
    pairing.hello = {
      wrappedEphemeral: childBytes(request, "link_code_pairing_wrapped_companion_ephemeral_pub", 80),
      companionNoiseKey: childBytes(request, "companion_server_auth_key_pub", 32),
      ref,
      number,
    };
    if (!pairing.hello.companionNoiseKey.equals(pairing.registration.noiseKey)) {
      throw new BadStanza("the code request names another Noise key");
    }
    world.linkRequests.add(number, connection);
    return result(iq, [
      node("link_code_companion_reg", { stage: "companion_hello" }, [node("link_code_pairing_ref", {}, ref)]),
    ]);
  }
  if (request?.attrs.stage === "companion_finish" && pairing.finish) {
    const bundle = childBytes(request, "link_code_pairing_wrapped_key_bundle", 32 + 12 + 96 + 16);
    const identity = childBytes(request, "companion_identity_public", 32);
    const { finish } = pairing;
    // The answer first: the client waits for it before it can take `pair-success`.
    queueMicrotask(() => finish(bundle, identity));
    return result(iq);
  }
  throw new BadStanza(`link code stage ${request?.attrs.stage}`);
}
