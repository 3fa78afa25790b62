import { expect, vi } from "vitest";
import type { WhatsApp } from "../../simulator/index.ts";
import { silenceLibsignal } from "../support/simulator/client.ts";
import type { Peer } from "./peer.ts";

// Its output contains sessions with private keys.
silenceLibsignal();

/**
 * Stops the clients and the simulator. Fails the test if whatsmeow printed a warning, or if the server or a phone got a
 * stanza that it could not handle.
 */
export async function endPeers(wa: WhatsApp, ...peers: Peer[]): Promise<void> {
  await Promise.all(peers.map((peer) => peer.stop()));
  await wa.stop();
  expect(peers.flatMap((peer) => peer.complaints)).toEqual([]);
  expectNoTrouble(wa);
}

export function expectNoTrouble(wa: WhatsApp): void {
  expect(wa.unknown).toEqual([]);
  for (const phone of wa.phones) {
    expect(phone.errors).toEqual([]);
    expect(phone.failures).toEqual([]);
  }
}

/** Waits until a state of this process holds. Rejects after 20 seconds. */
export const eventually = (holds: () => unknown): Promise<void> =>
  vi.waitFor(() => expect(holds()).toBeTruthy(), { timeout: 20_000, interval: 20 });
