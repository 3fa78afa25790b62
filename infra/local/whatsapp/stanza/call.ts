import type { Connection } from "../connection.ts";
import type { Device } from "../device.ts";
import type { World } from "../world.ts";
import { type BinaryNode, children, node } from "./node.ts";

/** A `call` from a client: clients of ours refuse calls, and do nothing else with them. */
export function receiveCall(world: World, connection: Connection, device: Device, stanza: BinaryNode): void {
  const [step] = children(stanza);
  const { id, to } = stanza.attrs;
  const call = world.calls.get(step?.attrs["call-id"] ?? "");
  if (step?.tag !== "reject") connection.note(stanza, `call <${step?.tag}>`);
  else if (call && world.accountOf(to ?? "@") === call.caller) call.answer(device, "rejected");
  connection.send(node("ack", { class: "call", type: step?.tag, id, from: to, t: world.seconds }));
}
