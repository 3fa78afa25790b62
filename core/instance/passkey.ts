import * as z from "zod";
import type { Vault } from "../crypto/index.ts";
import { sealedPlace } from "../crypto/sealed-place.ts";
import { AppError } from "../error.ts";
import type { Instance } from "./index.ts";

/** Bytes as unpadded base64url, the form of `PublicKeyCredential.toJSON()`. */
const base64Url = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .regex(/^[A-Za-z0-9_-]*$/);

/** Ten minutes, which WhatsApp names, unless it names another time (Baileys#2689). */
const usualTimeoutMs = 600_000;

/**
 * The options of WhatsApp's request for a passkey, as `PublicKeyCredential.parseRequestOptionsFromJSON()` takes them.
 * Source: `WebAuthnPublicKey` in whatsmeow's `types/passkey.go`.
 */
export const passkeyOptions = z.looseObject({
  challenge: base64Url(4096),
  timeout: z.number().min(1000).max(3_600_000).default(usualTimeoutMs),
  rpId: z.string().max(256),
});

export type PasskeyOptions = z.output<typeof passkeyOptions>;

/** The answer of a passkey, as `PublicKeyCredential.toJSON()` returns it. WhatsApp gets only these fields. */
export const passkeyAnswer = z.object({
  id: base64Url(2048),
  rawId: base64Url(2048).min(1),
  type: z.literal("public-key"),
  response: z.object({
    clientDataJSON: base64Url(16_384).min(1),
    authenticatorData: base64Url(16_384).min(1),
    signature: base64Url(4096).min(1),
    userHandle: base64Url(2048)
      .nullish()
      .transform((handle) => handle ?? null),
  }),
});

export type PasskeyAnswer = z.output<typeof passkeyAnswer>;

/** Returns WhatsApp's open request for a passkey. Throws `conflict`, with what to do, if there is none. */
export function openPasskeyRequest(
  { vault }: { vault: Vault },
  { id, passkey, statusReason, statusUntil, status }: Instance,
  now: Date,
): { publicKey: PasskeyOptions; expiresAt: Date } {
  if (!passkey || statusReason !== "passkey_required" || !statusUntil || statusUntil <= now)
    throw new AppError("conflict", "WhatsApp does not ask for a passkey now: scan a QR code first", {
      data: { status },
    });
  const publicKey = passkeyOptions.parse(JSON.parse(vault.open(passkey, sealedPlace.passkey(id)).toString()));
  return { publicKey, expiresAt: statusUntil };
}
