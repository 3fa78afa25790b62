import { AsyncLocalStorage } from "node:async_hooks";
import type { GroupMetadata, JidServer } from "@whiskeysockets/baileys";

/** A device of a person, in the form of Baileys' cache of device lists. */
export interface UserDevice {
  user: string;
  server: JidServer;
  device: number;
}

/** What Baileys needs to know to encrypt a message, looked up in advance. */
export interface SendPlan {
  /** The device lists by the user part of the JID. */
  devices: ReadonlyMap<string, readonly UserDevice[]>;
  group: GroupMetadata | undefined;
  /** JIDs of the devices that get the message. */
  targets: readonly string[];
  /** The hash of the devices, including this one (`participantHash`). */
  hash: string;
}

const open = new AsyncLocalStorage<{ plan: SendPlan; ended: boolean }>();

/**
 * Runs Baileys' `relayMessage` with a plan, so that it asks WhatsApp nothing. `relayMessage` holds a lock
 * (7.0.0-rc14, `authState.keys.transaction` in Socket/messages-send.js) that Baileys also takes to ask for an
 * unreadable message again, so that receiving would wait for the lookups of a send.
 */
export async function withPlan<Result>(plan: SendPlan | undefined, work: () => Promise<Result>): Promise<Result> {
  if (!plan) return await work();
  const running = { plan, ended: false };
  try {
    return await open.run(running, work);
  } finally {
    // What Baileys started may go on in this asynchronous context.
    running.ended = true;
  }
}

/** Returns the plan of the message that the caller sends. */
export function currentPlan(): SendPlan | undefined {
  const running = open.getStore();
  return running?.ended ? undefined : running?.plan;
}
