import type { Account, Device } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { LID_SERVER, PN_SERVER } from "../../wire/jid.ts";
import { child, node } from "../../wire/node.ts";
import { Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";

/**
 * Notifies the account's other companions, and the devices that cache its device list, of a new or removed device. Source:
 * `handleDeviceNotification` in whatsmeow's notification.go. One notification has both JIDs, with a hash of each list.
 */
export function announceDevices(world: World, account: Account, change: "add" | "remove", device: Device): void {
  const listeners = new Set<Device>([...account.watchers, ...account.companions.values()]);
  listeners.delete(device);
  const hashes = {
    device_hash: account.deviceHash(PN_SERVER),
    device_lid_hash: account.deviceHash(LID_SERVER),
  };
  const { keyIndex } = device.credentials;
  const entry = node("device", { jid: device.pnJid, lid: device.lidJid, "key-index": String(keyIndex) });
  for (const listener of listeners) {
    if (listener.account.companions.get(listener.id) !== listener) continue;
    const attrs = { from: account.pnJid, lid: account.lidJid, id: world.nextId(), type: "devices", t: world.seconds };
    listener.deliver(node("notification", attrs, [node(change, hashes, [entry])]));
  }
}

/**
 * Notifies the devices that cache the account's device list of the account's new identity key. Sources:
 * `handleIdentityChange` in Baileys' Utils/identity-change-handler.js, `handleEncryptNotification` in whatsmeow's
 * notification.go.
 */
export function announceIdentity(world: World, account: Account): void {
  for (const listener of account.watchers) {
    if (listener.account.companions.get(listener.id) !== listener) continue;
    const attrs = { from: account.pnJid, lid: account.lidJid, id: world.nextId(), type: "encrypt", t: world.seconds };
    listener.deliver(node("notification", attrs, [node("identity")]));
  }
}

/** Unlinks a companion. The server closes its socket with 401 and rejects later logins. */
export function removeDevice(world: World, device: Device): void {
  const { account } = device;
  if (account.companions.get(device.id) !== device) throw new Error(`device ${device.id} is not linked`);
  account.companions.delete(device.id);
  device.kept.clear();
  announceDevices(world, account, "remove", device);
  device.socket?.end({ code: "401" }, node("conflict", { type: "device_removed" }));
}

/** `md` with `remove-companion-device`: unlinks a client that logs out. Source: `logout` in Baileys' Socket/socket.ts. */
export const unlink: IqHandler = (iq, { world, connection, device }) => {
  if (!child(iq, "remove-companion-device")) throw new Unsupported("md");
  connection.send(result(iq));
  removeDevice(world, device);
  return undefined;
};
