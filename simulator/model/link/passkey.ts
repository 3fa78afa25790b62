import { createHash, generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";

/** The relying party of WhatsApp's passkeys, and the origin of the page on which a browser signs. */
const RP_ID = "whatsapp.com";
const ORIGIN = "https://web.whatsapp.com";

/** What WhatsApp's request contains. Source: `WebAuthnPublicKey` in whatsmeow's types/passkey.go, Baileys#2689. */
export type PasskeyOptions = {
  challenge: string;
  timeout: number;
  rpId: string;
  allowCredentials: { id: string; type: string; transports: string[] }[];
  userVerification: string;
  extensions: Record<string, unknown>;
};

/** What a browser answers (`PublicKeyCredential.toJSON()`). Source: `WebAuthnResponse` in whatsmeow's types/passkey.go. */
export type PasskeyAnswer = {
  id: string;
  rawId: string;
  type: string;
  response: { clientDataJSON: string; authenticatorData: string; signature: string; userHandle: string | null };
};

/** The passkey of an account: the private half for the owner's browser, and the public half for the server. */
export class AccountPasskey {
  readonly #id = randomBytes(16).toString("base64url");
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });

  options(timeout: number): PasskeyOptions {
    return {
      challenge: randomBytes(32).toString("base64url"),
      timeout,
      rpId: RP_ID,
      allowCredentials: [{ id: this.#id, type: "public-key", transports: ["internal", "hybrid"] }],
      userVerification: "required",
      extensions: { uvm: true },
    };
  }

  /** Signs a challenge, as the owner's browser does. */
  sign({ challenge, rpId }: Pick<PasskeyOptions, "challenge" | "rpId">): PasskeyAnswer {
    const client = Buffer.from(JSON.stringify({ type: "webauthn.get", challenge, origin: ORIGIN, crossOrigin: false }));
    // The hash of the relying party, the flags "user present" and "user verified", and a counter.
    const flagsAndCounter = Buffer.from([0x05, 0, 0, 0, 1]);
    const authenticator = Buffer.concat([createHash("sha256").update(rpId).digest(), flagsAndCounter]);
    const signature = sign("sha256", Buffer.concat([authenticator, hash(client)]), this.#keys.privateKey);
    const text = (bytes: Buffer) => bytes.toString("base64url");
    const response = {
      clientDataJSON: text(client),
      authenticatorData: text(authenticator),
      signature: text(signature),
    };
    return { id: this.#id, rawId: this.#id, type: "public-key", response: { ...response, userHandle: null } };
  }

  /** Returns whether this passkey signed the challenge on WhatsApp's page. */
  accepts({ challenge }: PasskeyOptions, { rawId, response }: PasskeyAnswer): boolean {
    const bytes = (text: string) => Buffer.from(text, "base64url");
    const client = bytes(response.clientDataJSON);
    const claims = JSON.parse(client.toString()) as Record<string, unknown>;
    const authenticator = bytes(response.authenticatorData);
    return (
      rawId === this.#id &&
      claims.challenge === challenge &&
      claims.origin === ORIGIN &&
      authenticator.subarray(0, 32).equals(hash(Buffer.from(RP_ID))) &&
      verify("sha256", Buffer.concat([authenticator, hash(client)]), this.#keys.publicKey, bytes(response.signature))
    );
  }
}

const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest();
