import type { Account } from "../../model/account.ts";
import { proto } from "../../wire/baileys.ts";
import { type BinaryNode, node } from "../../wire/node.ts";

/**
 * The verified name of a business, which its messages contain as a certificate from WhatsApp. Clients do not check the
 * signature, so the simulator leaves it out. Source: Baileys' Utils/decode-wa-message.ts.
 */
export function verifiedName({ business }: Account): BinaryNode[] {
  if (!business) return [];
  const details = proto.VerifiedNameCertificate.Details.encode({
    issuer: "smb:wa",
    verifiedName: business.name,
  }).finish();
  return [node("verified_name", { v: "1" }, proto.VerifiedNameCertificate.encode({ details }).finish())];
}
