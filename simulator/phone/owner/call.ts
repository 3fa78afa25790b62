import type { Call, CallOptions } from "../../model/call.ts";
import { placeCall } from "../../stanza/call.ts";
import { isGroupJid, toJid } from "../../wire/jid.ts";
import type { Phone } from "../phone.ts";

/**
 * Calls an account or all members of a group.
 * @param to a phone number, or the JID of an account or group
 */
export function startCall(phone: Phone, to: string, options: CallOptions = {}): Call {
  const { world, account } = phone;
  if (isGroupJid(to)) {
    const group = world.groups.get(to);
    if (!group?.members.has(account)) throw new Error(`${phone.number} is not a member of ${to}`);
    return placeCall(world, account, { accounts: group.members.keys(), group }, options);
  }
  const called = world.accountOf(toJid(to));
  if (!called || called === account) throw new Error(`this phone cannot call ${to}`);
  return placeCall(world, account, { accounts: [called] }, options);
}

/** Returns the outgoing and incoming calls of a phone, oldest first. */
export const callsOf = (phone: Phone): Call[] =>
  [...phone.world.calls.values()].filter(({ caller, states }) => caller === phone.account || states.has(phone.account));

/** Accepts or rejects a call on the phone. Returns false if the call no longer rings there. */
export const answerCall = (phone: Phone, call: Call, state: "accepted" | "rejected"): boolean =>
  call.answer(phone, state);
