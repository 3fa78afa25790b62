import type { Account, Endpoint } from "../model/account.ts";
import type { BinaryNode } from "../wire/node.ts";

/** Delivers a stanza to all devices of an account. `except` is the device that caused the stanza. */
export function deliverToAccount(account: Account, stanza: BinaryNode, except?: Endpoint): void {
  for (const endpoint of account.endpoints()) if (endpoint !== except) endpoint.deliver(stanza);
}
