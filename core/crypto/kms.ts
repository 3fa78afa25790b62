import { DecryptCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import type { KeyWrapper } from "./index.ts";

/** Wraps by AWS KMS, under a key that never leaves it. */
export function kmsWrapper(keyId: string, region: string): KeyWrapper {
  const kms = new KMSClient({ region });
  const EncryptionContext = { purpose: "switchboard-data-key" };
  return {
    name: keyId,
    async wrap(dataKey) {
      const answer = await kms.send(new EncryptCommand({ KeyId: keyId, Plaintext: dataKey, EncryptionContext }));
      if (!answer.CiphertextBlob) throw new Error("KMS answered Encrypt without a ciphertext");
      return Buffer.from(answer.CiphertextBlob);
    },
    async unwrap(wrapped) {
      const answer = await kms.send(new DecryptCommand({ KeyId: keyId, CiphertextBlob: wrapped, EncryptionContext }));
      if (!answer.Plaintext) throw new Error("KMS answered Decrypt without a plaintext");
      return Buffer.from(answer.Plaintext);
    },
  };
}
