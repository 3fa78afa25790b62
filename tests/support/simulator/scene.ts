import type { UserFacingSocketConfig } from "@whiskeysockets/baileys";
import { expect } from "vitest";
import type { Control } from "../../../simulator/control/server.ts";
import { type Phone, startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";
import { Client } from "./client.ts";

/** A simulated WhatsApp with three phones, and a client that is not linked yet. */
export interface Scene {
  wa: WhatsApp;
  alice: Phone;
  bob: Phone;
  carol: Phone;
  client: Client;
}

export async function startScene(
  options: { wa?: Parameters<typeof startWhatsApp>[0]; client?: Partial<UserFacingSocketConfig> } = {},
): Promise<Scene> {
  const wa = await startWhatsApp(options.wa);
  return {
    wa,
    alice: await wa.addPhone({ number: "4915550000001", pushName: "Alice" }),
    bob: await wa.addPhone({ number: "4915550000002", pushName: "Bob" }),
    carol: await wa.addPhone({ number: "4915550000003", pushName: "Carol" }),
    client: new Client(wa, options.client),
  };
}

/** Closes the clients and stops the server. Fails the test if the server or a phone got a stanza that it could not handle. */
export async function endScene(wa: WhatsApp, ...clients: Client[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
  await wa.stop();
  expect(wa.unknown).toEqual([]);
  for (const phone of wa.phones) expect(phone.errors).toEqual([]);
}

export type Call = (method: string, path: string, body?: unknown) => Promise<{ status: number; json: unknown }>;

/** Returns a function that calls the control API. */
export const caller =
  (control: Control): Call =>
  async (method, path, body) => {
    const headers = { "content-type": "application/json" };
    const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(`${control.url}${path}`, init);
    const text = await response.text();
    return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
  };
