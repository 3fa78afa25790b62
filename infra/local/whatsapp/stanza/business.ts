import type { Account } from "../account.ts";
import { proto } from "../wire.ts";
import { type BinaryNode, node } from "./node.ts";

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
