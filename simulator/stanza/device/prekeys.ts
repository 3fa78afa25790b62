import type { Bundle, Device } from "../../model/device.ts";
import type { World } from "../../model/world.ts";
import { sha256, signalKey, uint, verify } from "../../wire/crypto.ts";
import { SERVER_JID } from "../../wire/jid.ts";
import {
  BadStanza,
  type BinaryNode,
  child,
  childBytes,
  children,
  childUint,
  failure,
  node,
  result,
} from "../../wire/node.ts";
import { type IqHandler, Unsupported } from "../iq.ts";

/** Below so many one-time prekeys the device is told to upload more. */
const LOW_PREKEYS = 5;
const KEY_TYPE = Buffer.from([5]);

export const encrypt: IqHandler = (iq, { world, device }) => {
  if (child(iq, "count")) return result(iq, [node("count", { value: String(device.preKeys.size) })]);
  if (child(iq, "digest")) return digest(iq, device);
  if (child(iq, "rotate")) {
    device.credentials.signedPreKey = readSignedPreKey(child(iq, "rotate"), device);
    return result(iq);
  }
  if (child(iq, "key")) return bundles(iq, world);
  if (iq.attrs.type === "set" && child(iq, "list")) return upload(iq, device);
  throw new Unsupported("encrypt");
};

function readSignedPreKey(parent: BinaryNode | undefined, device: Device) {
  const skey = child(parent, "skey");
  const key = {
    id: childUint(skey, "id"),
    public: childBytes(skey, "value", 32),
    signature: childBytes(skey, "signature", 64),
  };
  if (!verify(device.credentials.identityKey, signalKey(key.public), key.signature)) {
    throw new BadStanza("the signed prekey is not signed by the identity key");
  }
  return key;
}

function upload(iq: BinaryNode, device: Device): BinaryNode {
  if (!childBytes(iq, "identity", 32).equals(device.credentials.identityKey)) {
    throw new BadStanza("the identity key is not the one that was paired");
  }
  const signedPreKey = readSignedPreKey(iq, device);
  for (const key of children(child(iq, "list"), "key")) {
    device.preKeys.set(childUint(key, "id"), childBytes(key, "value", 32));
  }
  device.credentials.signedPreKey = signedPreKey;
  device.credentials.registrationId = childUint(iq, "registration");
  return result(iq);
}

function digest(iq: BinaryNode, device: Device): BinaryNode {
  const { registrationId, identityKey, signedPreKey } = device.credentials;
  const ids = [...device.preKeys.keys()].map((id) => node("id", {}, uint(id, 3)));
  return result(iq, [
    node("digest", {}, [
      node("registration", {}, uint(registrationId, 4)),
      node("type", {}, KEY_TYPE),
      node("identity", {}, identityKey),
      signedPreKeyNode(signedPreKey),
      node("list", {}, ids),
      node("hash", {}, sha256(identityKey, signedPreKey.public, ...device.preKeys.values()).subarray(0, 20)),
    ]),
  ]);
}

function signedPreKeyNode({ id, public: value, signature }: Bundle["signedPreKey"]): BinaryNode {
  return node("skey", {}, [node("id", {}, uint(id, 3)), node("value", {}, value), node("signature", {}, signature)]);
}

/** The children that describe a bundle: in the answer to a key query, and in a retry receipt's `keys`. */
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

function bundles(iq: BinaryNode, world: World): BinaryNode {
  const asked = children(child(iq, "key"), "user");
  if (asked.length === 0) return failure(iq, 400, "bad-request");
  const users = asked.map(({ attrs }) => {
    const target = attrs.jid ? world.endpointOf(attrs.jid) : undefined;
    const bundle = target?.takeBundle();
    if (!target || !bundle) {
      return node("user", { jid: attrs.jid }, [node("error", { code: "404", text: "item-not-found" })]);
    }
    if (target.id !== 0) noticeLowPreKeys(world, target.account.companions.get(target.id));
    return node("user", { jid: attrs.jid, t: world.seconds }, [
      node("registration", {}, uint(bundle.registrationId, 4)),
      ...bundleNodes(bundle),
    ]);
  });
  return result(iq, [node("list", {}, users)]);
}

/** Also called when a phone in this process takes a bundle. */
export function noticeLowPreKeys(world: World, device: Device | undefined): void {
  if (!device || device.lowPreKeyNoticeOpen || device.preKeys.size >= LOW_PREKEYS) return;
  device.lowPreKeyNoticeOpen = true;
  device.deliver(
    node("notification", { from: SERVER_JID, id: world.nextId(), type: "encrypt", t: world.seconds }, [
      node("count", { value: String(device.preKeys.size) }),
    ]),
  );
}
