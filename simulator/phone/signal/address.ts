import type { Endpoint } from "../../model/account.ts";

/** Returns the Signal address of a device: `<lid>.<device>`, also if an envelope names the account by phone number. */
export function signalAddress(endpoint: Endpoint): string {
  return `${endpoint.account.lid}.${endpoint.id}`;
}
