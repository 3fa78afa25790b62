import { type Account, type Device, endpointJid } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { LID_SERVER, PN_SERVER } from "../../wire/jid.ts";
import { child, node } from "../../wire/node.ts";
import { Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";

/**
 * Notifies the devices that cache the account's device list of a new or removed device, and the account's other
 * companions of the whole list. Sources: `handleDeviceNotification` and `handleOwnDevicesNotification` in whatsmeow's
 * notification.go.
 */
export function announceDevices(world: World, account: Account, change: "add" | "remove", device: Device): void {
  const hashes = {
    device_hash: account.deviceHash(PN_SERVER),
    device_lid_hash: account.deviceHash(LID_SERVER),
  };
  const { pnJid: jid, lidJid: lid } = device;
  const entry = node("device", { jid, lid, "key-index": String(device.credentials.keyIndex) });
  const attrs = () => ({ from: account.pnJid, id: world.nextId(), t: world.seconds });
  for (const listener of account.watchers) {
    if (listener.account === account || listener.account.companions.get(listener.id) !== listener) continue;
    const more = { lid: account.lidJid, type: "devices" };
    listener.deliver(node("notification", { ...attrs(), ...more }, [node(change, hashes, [entry])]));
  }
  const list = [...account.endpoints()].map((endpoint) => node("device", { jid: endpointJid(endpoint, PN_SERVER) }));
  for (const listener of account.companions.values()) {
    if (listener === device) continue;
    const devices = node("devices", { dhash: hashes.device_hash }, list);
    listener.deliver(node("notification", { ...attrs(), type: "account_sync" }, [devices]));
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
