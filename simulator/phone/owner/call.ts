import { Call, type CallOptions } from "../../model/call.ts";
import { isGroupJid } from "../../wire/jid.ts";
import type { Phone } from "../phone.ts";

/** Calls an account or all members of a group. @param to a phone number, a JID or a group's JID. */
export function startCall(phone: Phone, to: string, options: CallOptions = {}): Call {
  const { world, account } = phone;
  if (isGroupJid(to)) {
    const group = world.groups.get(to);
    if (!group?.members.has(account)) throw new Error(`${phone.number} is not in ${to}`);
    return new Call(world, account, { accounts: group.members.keys(), group }, options);
  }
  const called = world.accountOf(to.includes("@") ? to : `${to.replace(/\D/g, "")}@s.whatsapp.net`);
  if (!called || called === account) throw new Error(`${to} cannot be called`);
  return new Call(world, account, { accounts: [called] }, options);
}

/** Calls that this phone made or got, oldest first. */
export const callsOf = (phone: Phone): Call[] =>
  [...phone.world.calls.values()].filter(({ caller, states }) => caller === phone.account || states.has(phone.account));

/** The phone's owner takes the call or refuses it. Answers whether it still rang. */
export const answerCall = (phone: Phone, call: Call, state: "accepted" | "rejected"): boolean =>
  call.answer(phone, state);
