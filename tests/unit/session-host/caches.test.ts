import type { WASocket } from "@whiskeysockets/baileys";
import { expect, test } from "vitest";
import type { KeyStore } from "../../../session-host/baileys/key-store.ts";
import { type SendPlan, withPlan } from "../../../session-host/baileys/send/send-plan.ts";
import { recipientsOf, sharedCaches } from "../../../session-host/session/connection/caches.ts";
import { Gate } from "../../../session-host/session/connection/gate.ts";

/** Two connections of one host, of the accounts 491 and 492. */
function connections() {
  const caches = sharedCaches();
  const connect = (user: string) => {
    const ws = { isOpen: true };
    const sock = { user: { id: `${user}:5@s.whatsapp.net`, lid: `9${user}:5@lid` }, ws };
    const gate = new Gate(() => true);
    const deps = { socket: () => sock as unknown as WASocket, store: {} as KeyStore, gate };
    return { ws, recipients: recipientsOf(caches, deps) };
  };
  return { caches, one: connect("491"), other: connect("492") };
}

const list = (user: string) => [{ user, server: "s.whatsapp.net", device: 0 }];

test("a device list is shared while the connection that looked it up is open", async () => {
  const { one, other } = connections();
  one.recipients.deviceCache.set("493", list("493"));
  expect(await other.recipients.deviceCache.get("493")).toEqual(list("493"));
  one.ws.isOpen = false;
  expect(await other.recipients.deviceCache.get("493")).toBeUndefined();
  one.ws.isOpen = true;
  one.recipients.clear();
  expect(await other.recipients.deviceCache.get("493")).toBeUndefined();
});

test("a device list that one connection forgets is forgotten by all", async () => {
  const { one, other } = connections();
  one.recipients.deviceCache.set("493", list("493"));
  other.recipients.devices.forget(["493:7@s.whatsapp.net"]);
  expect(await one.recipients.deviceCache.get("493")).toBeUndefined();
});

test("the devices of an account itself are not shared, under its number and its LID", async () => {
  const { one, other } = connections();
  for (const user of ["491", "9491"]) {
    one.recipients.deviceCache.set(user, list(user));
    expect(await other.recipients.deviceCache.get(user)).toBeUndefined();
    expect(await one.recipients.deviceCache.get(user)).toEqual(list(user));
  }
});

test("a message that is being sent has the device lists of its plan", async () => {
  const { one } = connections();
  one.recipients.deviceCache.set("493", list("493"));
  const plan = { devices: new Map([["494", list("494")]]), group: undefined, targets: [], hash: "" } as SendPlan;
  await withPlan(plan, async () => {
    expect(await one.recipients.deviceCache.get("494")).toEqual(list("494"));
    expect(await one.recipients.deviceCache.get("493")).toEqual([]);
  });
  expect(await one.recipients.deviceCache.get("494")).toBeUndefined();
});
