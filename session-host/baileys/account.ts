import type { AuthenticationCreds } from "@whiskeysockets/baileys";
import { boundText, maxBytes } from "../../core/bound.ts";
import { fingerprintOf } from "../../core/session/fingerprint.ts";

/**
 * Returns whether the linked phone runs WhatsApp Business. The phone reports its app when it links a device. `smba` and
 * `smbi` are WhatsApp Business on Android and iOS. `android` and `iphone` are the consumer app.
 */
export const isBusiness = ({ platform }: Pick<AuthenticationCreds, "platform">) => /^smb/i.test(platform ?? "");

/** Returns `instances.device` of the credentials. */
export const deviceOf = ({ signedIdentityKey }: Pick<AuthenticationCreds, "signedIdentityKey">): string =>
  fingerprintOf(Buffer.from(signedIdentityKey.public));

/** Returns the linked account that the credentials describe, as columns of `instances`. */
export function accountOf(creds: Pick<AuthenticationCreds, "me" | "platform">) {
  const { id, lid, name } = creds.me ?? { id: "" };
  return {
    phone_number: id.split(/[:@]/)[0] ?? "",
    lid: lid?.replace(/:[0-9]+@/, "@") ?? null,
    push_name: name === undefined ? null : boundText(name, maxBytes.name),
    business: isBusiness(creds),
  };
}
