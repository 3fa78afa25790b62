import { isBroadcastList, type Place } from "../../core/instance/incoming.ts";
import type { Change } from "../ledger/change.ts";
import { addressOf, type LidsOf, type MessageOrigin, type PhoneOf } from "./message/address.ts";

/** Which messages the user of the instance does not want. */
export interface Ignoring {
  /** Whether messages of a place are neither stored nor told. */
  ignores: (place: Place) => boolean;
  /** Whether any message is ignored. Without this, no message costs a lookup. */
  readonly ignoresAny: boolean;
}

/** Whether a message, or something about a message, is neither stored nor told. */
export async function isIgnoredMessage(
  { ignores, ignoresAny }: Ignoring,
  origin: Pick<MessageOrigin, "key" | "me"> & { lidsOf?: LidsOf },
  phoneOf: PhoneOf,
): Promise<boolean> {
  if (!ignoresAny) return false;
  const address = await addressOf(origin, phoneOf);
  if (!address) return false;
  const lids = await origin.lidsOf?.(address.chatIds);
  const chatIds = [...address.chatIds, ...(lids?.values() ?? [])];
  return ignores({ chatIds, isBroadcast: isBroadcastList(origin.key.remoteJid) });
}

/**
 * Returns the change that is left of an ignored message: the timer of its chat, without an event. Messages to the chat
 * need the timer.
 */
export const onlyTimers = ({ timers = [] }: Change): Change =>
  timers.length > 0 ? { timers: timers.map((timer) => ({ ...timer, change: null })) } : {};
