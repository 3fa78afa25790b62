import type { Bundle, SignedPreKey } from "../../model/link/credentials.ts";
import { uint } from "../../wire/crypto.ts";
import { type BinaryNode, child, childBytes, childUint, node } from "../../wire/node.ts";

export const KEY_TYPE = Buffer.from([5]);

export function signedPreKeyNode({ id, public: value, signature }: SignedPreKey): BinaryNode {
  return node("skey", {}, [node("id", {}, uint(id, 3)), node("value", {}, value), node("signature", {}, signature)]);
}

/** Reads the `skey` of an element. Throws `BadStanza` if a part is absent or has the wrong length. */
export function readSignedPreKey(parent: BinaryNode | undefined): SignedPreKey {
  const skey = child(parent, "skey");
  return {
    id: childUint(skey, "id"),
    public: childBytes(skey, "value", 32),
    signature: childBytes(skey, "signature", 64),
  };
}

/** Builds the elements of a bundle, for the answer to a key query or the `keys` of a retry receipt. */
export function bundleNodes(bundle: Bundle): BinaryNode[] {
  const nodes = [
    node("type", {}, KEY_TYPE),
    node("identity", {}, bundle.identityKey),
    signedPreKeyNode(bundle.signedPreKey),
  ];
  if (bundle.preKey) {
    const { id, public: value } = bundle.preKey;
    nodes.push(node("key", {}, [node("id", {}, uint(id, 3)), node("value", {}, value)]));
  }
  if (bundle.deviceIdentity) nodes.push(node("device-identity", {}, bundle.deviceIdentity));
  return nodes;
}

/** Reads the bundle of a retry receipt. Throws `BadStanza` if it is malformed. */
export function readBundle(receipt: BinaryNode, keys: BinaryNode): Bundle {
  const preKey = child(keys, "key");
  const bundle: Bundle = {
    registrationId: childUint(receipt, "registration"),
    identityKey: childBytes(keys, "identity", 32),
    signedPreKey: readSignedPreKey(keys),
  };
  return preKey
    ? { ...bundle, preKey: { id: childUint(preKey, "id"), public: childBytes(preKey, "value", 32) } }
    : bundle;
}
