import type { Endpoint } from "../../model/account.ts";

/** The Signal address of a device, `<lid>.<device>`. It does not depend on how an envelope names the account. */
export function signalAddress(endpoint: Endpoint): string {
  return `${endpoint.account.lid}.${endpoint.id}`;
}
