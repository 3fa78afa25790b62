import type { Device } from "../model/device.ts";
import type { World } from "../model/world.ts";
import type { Connection } from "../server/connection.ts";
import { type BinaryNode, children, node } from "../wire/node.ts";

/** A `call` from a client: clients of ours refuse calls, and do nothing else with them. */
export function receiveCall(world: World, connection: Connection, device: Device, stanza: BinaryNode): void {
  const [step] = children(stanza);
  const { id, to } = stanza.attrs;
  const call = world.calls.get(step?.attrs["call-id"] ?? "");
  if (step?.tag !== "reject") connection.note(stanza, `call <${step?.tag}>`);
  else if (call && world.accountOf(to ?? "@") === call.caller) call.answer(device, "rejected");
  connection.send(node("ack", { class: "call", type: step?.tag, id, from: to, t: world.seconds }));
}
