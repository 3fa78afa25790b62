import type { AuthenticationCreds } from "@whiskeysockets/baileys";

/**
 * How phones name their app when they link a device, where Baileys keeps it: `smba` and `smbi` are WhatsApp Business on Android and
 * on iOS, `android` and `iphone` the app for everybody.
 */
export const isBusiness = ({ platform }: Pick<AuthenticationCreds, "platform">) => /^smb/i.test(platform ?? "");

/** What the credentials tell of the account that is linked, as columns of `instances`. */
export function accountOf(creds: Pick<AuthenticationCreds, "me" | "platform">) {
  const { id, lid, name } = creds.me ?? { id: "" };
  return {
    phone_number: id.split(/[:@]/)[0] ?? "",
    lid: lid?.replace(/:[0-9]+@/, "@") ?? null,
    push_name: name ?? null,
    business: isBusiness(creds),
  };
}
