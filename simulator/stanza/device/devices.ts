import type { Account } from "../../model/account.ts";
import type { Device } from "../../model/device.ts";
import type { World } from "../../model/world.ts";
import { LID_SERVER, PN_SERVER } from "../../wire/jid.ts";
import { node } from "../../wire/node.ts";

/** Tells every device that caches the account's device list, and the account's own companions, what changed. */
export function announceDevices(world: World, account: Account, change: "add" | "remove", device: Device): void {
  const listeners = new Set<Device>([...account.watchers, ...account.companions.values()]);
  listeners.delete(device);
  for (const listener of listeners) {
    if (listener.account.companions.get(listener.id) !== listener) continue;
    for (const server of [PN_SERVER, LID_SERVER]) {
      const jid = server === LID_SERVER ? device.lidJid : device.pnJid;
      const entry = node("device", { jid, "key-index": String(device.credentials.keyIndex) });
      const attrs = { from: account.jid(server), id: world.nextId(), type: "devices", t: world.seconds };
      listener.deliver(node("notification", attrs, [node(change, { device_hash: "2:sim" }, [entry])]));
    }
  }
}

/** Ends a companion's membership: it may not log in again, and an open socket is told so. */
export function removeDevice(world: World, device: Device): void {
  const { account } = device;
  if (account.companions.get(device.id) !== device) throw new Error(`device ${device.id} is not linked`);
  account.companions.delete(device.id);
  device.kept.clear();
  announceDevices(world, account, "remove", device);
  device.socket?.end({ code: "401" }, node("conflict", { type: "device_removed" }));
}
