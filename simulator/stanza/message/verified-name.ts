import type { Account } from "../../model/account.ts";
import { proto } from "../../wire/baileys.ts";
import { type BinaryNode, node } from "../../wire/node.ts";

/**
 * What stands in a message of a business: its verified name, in the certificate that WhatsApp issues. Nobody checks the
 * signature, so there is none.
 */
export function verifiedName({ business }: Account): BinaryNode[] {
  if (!business) return [];
  const details = proto.VerifiedNameCertificate.Details.encode({
    issuer: "smb:wa",
    verifiedName: business.name,
  }).finish();
  return [node("verified_name", { v: "1" }, proto.VerifiedNameCertificate.encode({ details }).finish())];
}
