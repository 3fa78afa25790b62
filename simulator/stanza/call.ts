import type { Account } from "../model/account.ts";
import { Call, type Called, type CallOptions, type CallStep } from "../model/call.ts";
import type { World } from "../model/world.ts";
import { children, node } from "../wire/node.ts";
import { deliverToAccount } from "./deliver.ts";
import type { StanzaHandler } from "./iq.ts";

/** Starts a call and rings on all devices of the called accounts. */
export function placeCall(world: World, caller: Account, called: Called, options: CallOptions): Call {
  const call = new Call(caller, called, options.video ?? false, (ringing, step) => announce(world, ringing, step));
  world.calls.set(call.id, call);
  call.ring(options.ringMs);
  return call;
}

/**
 * Sends the stanza of a step to the devices of the called account. Source: `handleCall` in Baileys' Socket/messages-recv.ts,
 * which reads it.
 */
function announce(world: World, call: Call, step: CallStep): void {
  const { caller, group, video } = call;
  const callAttrs = { "call-id": call.id, "call-creator": caller.lidJid };
  const envelope = { from: caller.lidJid, id: world.nextId(), t: world.seconds, notify: caller.pushName };
  if (step.kind === "terminate") {
    const terminate = node("terminate", { ...callAttrs, reason: step.reason });
    deliverToAccount(step.account, node("call", envelope, [terminate]), step.except);
    return;
  }
  const media = video ? [node("audio", { enc: "opus" }), node("video", { enc: "vp8" })] : [node("audio")];
  const offerAttrs = { caller_pn: caller.pnJid, type: group && "group", "group-jid": group?.jid };
  deliverToAccount(step.account, node("call", envelope, [node("offer", { ...callAttrs, ...offerAttrs }, media)]));
}

/**
 * `call` from a client: rejects a call. The session host sends no other step, so the simulator implements no other
 * step.
 */
export const receiveCall: StanzaHandler = (stanza, { world, connection, device }) => {
  const [step] = children(stanza);
  const { id, to } = stanza.attrs;
  const call = world.calls.get(step?.attrs["call-id"] ?? "");
  if (step?.tag !== "reject") connection.recordUnknown(stanza, `call <${step?.tag}>`);
  else if (call && world.accountOf(to ?? "@") === call.caller) call.answer(device, "rejected");
  connection.send(node("ack", { class: "call", type: step?.tag, id, from: to, t: world.seconds }));
};
