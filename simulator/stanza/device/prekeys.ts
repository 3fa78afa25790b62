import type { Device } from "../../model/account.ts";
import type { SignedPreKey } from "../../model/link/credentials.ts";
import type { World } from "../../model/world.ts";
import { sha256, signalKey, uint, verify } from "../../wire/crypto.ts";
import { SERVER_JID } from "../../wire/jid.ts";
import { BadStanza, type BinaryNode, child, childBytes, children, childUint, node } from "../../wire/node.ts";
import { Unsupported } from "../errors.ts";
import { failure, type IqHandler, result } from "../iq.ts";
import { bundleNodes, KEY_TYPE, readSignedPreKey, signedPreKeyNode } from "./bundle.ts";

/** If a device has fewer one-time prekeys than this, the server asks the device to upload more. */
const LOW_PREKEYS = 5;

/**
 * `encrypt`: counts, checks, rotates and uploads the client's own keys, and returns the bundles of other devices. Source:
 * `uploadPreKeys`, `digestKeyBundle` and `rotateSignedPreKey` in Baileys' Socket/socket.ts, `parseAndInjectE2ESessions` in
 * Utils/signal.ts.
 */
export const encrypt: IqHandler = (iq, { world, device }) => {
  if (child(iq, "count")) return result(iq, [node("count", { value: String(device.preKeys.size) })]);
  if (child(iq, "digest")) return digest(iq, device);
  if (child(iq, "rotate")) {
    device.credentials.signedPreKey = verifiedSignedPreKey(child(iq, "rotate"), device);
    return result(iq);
  }
  if (child(iq, "key")) return bundles(iq, world);
  if (iq.attrs.type === "set" && child(iq, "list")) return upload(iq, device);
  throw new Unsupported("encrypt");
};

function verifiedSignedPreKey(parent: BinaryNode | undefined, device: Device): SignedPreKey {
  const key = readSignedPreKey(parent);
  if (!verify(device.credentials.identityKey, signalKey(key.public), key.signature)) {
    throw new BadStanza("the signed prekey is not signed by the identity key");
  }
  return key;
}

function upload(iq: BinaryNode, device: Device): BinaryNode {
  if (!childBytes(iq, "identity", 32).equals(device.credentials.identityKey)) {
    throw new BadStanza("the identity key is not the one of the linked device");
  }
  const signedPreKey = verifiedSignedPreKey(iq, device);
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

function bundles(iq: BinaryNode, world: World): BinaryNode {
  const requested = children(child(iq, "key"), "user");
  if (requested.length === 0) return failure(iq, 400, "bad-request");
  const users = requested.map(({ attrs }) => {
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

/**
 * Asks a device to upload prekeys if few are left. Call it after `takeBundle`. Source: `handleEncryptNotification` in Baileys'
 * Socket/messages-recv.ts. The limit of WhatsApp's server is not known.
 */
export function noticeLowPreKeys(world: World, device: Device | undefined): void {
  if (!device || device.lowPreKeyNoticeOpen || device.preKeys.size >= LOW_PREKEYS) return;
  device.lowPreKeyNoticeOpen = true;
  device.deliver(
    node("notification", { from: SERVER_JID, id: world.nextId(), type: "encrypt", t: world.seconds }, [
      node("count", { value: String(device.preKeys.size) }),
    ]),
  );
}
