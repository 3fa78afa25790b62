import type { Account } from "../../model/account.ts";
import { proto } from "../../wire/baileys.ts";
import { type BinaryNode, node } from "../../wire/node.ts";

/**
 * Builds the certificate with the verified name of a business account, which its messages contain. Clients do not check the
 * signature of WhatsApp, so the simulator omits it. Source: Baileys' Utils/decode-wa-message.ts.
 */
export function verifiedName({ business }: Account): BinaryNode[] {
  if (!business) return [];
  const details = proto.VerifiedNameCertificate.Details.encode({
    issuer: "smb:wa",
    verifiedName: business.name,
  }).finish();
  return [node("verified_name", { v: "1" }, proto.VerifiedNameCertificate.encode({ details }).finish())];
}
