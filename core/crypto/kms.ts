import { DecryptCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import type { KeyWrapper } from "./index.ts";

/** Wraps data keys with AWS KMS, under a key that never leaves KMS. */
export function kmsWrapper(keyId: string, region: string): KeyWrapper {
  const kms = new KMSClient({ region });
  const EncryptionContext = { purpose: "switchboard-data-key" };
  return {
    name: keyId,
    async wrap(dataKey) {
      const response = await kms.send(new EncryptCommand({ KeyId: keyId, Plaintext: dataKey, EncryptionContext }));
      if (!response.CiphertextBlob) throw new Error("the KMS response to Encrypt has no ciphertext");
      return Buffer.from(response.CiphertextBlob);
    },
    async unwrap(wrapped) {
      const response = await kms.send(new DecryptCommand({ KeyId: keyId, CiphertextBlob: wrapped, EncryptionContext }));
      if (!response.Plaintext) throw new Error("the KMS response to Decrypt has no plaintext");
      return Buffer.from(response.Plaintext);
    },
  };
}
