/**
 * The reasons for which an instance is not connected and that a person can act on, with an explanation for people. Each
 * has a section with the same name in `docs/guides/linking.md`.
 */
export const actionableReasons = {
  passkey_required:
    "WhatsApp asks for a passkey of the account: send the answer of the passkey to the passkey endpoint, or call POST /api/instances/import with a session that another Baileys program has already linked",
  pairing_code_refused: "WhatsApp refused the request for a pairing code: scan a QR code, or try again later",
  temporarily_banned: "WhatsApp banned the account for some time: the session reconnects by itself after the ban",
  account_locked:
    "WhatsApp locked the account, or WhatsApp was moved to another phone: check WhatsApp on the phone, then link the account again",
  banned: "WhatsApp banned the account: request a review on the phone, then link the account again",
  logout: "the device was unlinked on the phone or by WhatsApp: link the account again",
  client_outdated: "WhatsApp refuses the client version of this gateway",
  user_agent_rejected:
    "WhatsApp rejects the description of this client: check the device name and the client version, then reconnect",
  multidevice_required: "the phone does not support linked devices: update WhatsApp on the phone, then reconnect",
  proxy_failed: "the proxy of the instance can't be reached or refuses the connection: check it, or set another one",
  import_failed:
    "the session of another program was checked, but could not be stored: import it again without old device lists, or link the account",
  replaced: "another program uses the credentials of this device: stop that program, then reconnect",
} as const;

export type ActionableReason = keyof typeof actionableReasons;

export function isActionable(reason: string | null): reason is ActionableReason {
  return reason !== null && Object.hasOwn(actionableReasons, reason);
}

/** Returns the section of the documentation about a reason. */
export const guideTo = (reason: ActionableReason): string => `docs/guides/linking.md#${reason}`;

/** Returns the reason with an explanation for people, if there is one. */
export function explainReason(reason: string, details: string | null = null): string {
  const text = details ?? (isActionable(reason) ? actionableReasons[reason] : null);
  const guide = isActionable(reason) ? ` (see ${guideTo(reason)})` : "";
  return text === null ? reason : `${reason}: ${text}${guide}`;
}
