import { proto } from "../wire/baileys.ts";
import { SERVER_JID } from "../wire/jid.ts";
import { node } from "../wire/node.ts";
import type { Account } from "./account.ts";
import type { Endpoint } from "./device.ts";
import type { World } from "./world.ts";

export const COLLECTIONS = [
  "critical_block",
  "critical_unblock_low",
  "regular_high",
  "regular_low",
  "regular",
] as const;
export type Collection = (typeof COLLECTIONS)[number];

/**
 * An account's app state as the server keeps it: encrypted patches it cannot read, one per version, in order.
 * There are no snapshots: a device that starts from nothing gets all patches.
 */
export type AppState = Map<string, Buffer[]>;

export function patchesSince(state: AppState, collection: string, version: number): Buffer[] {
  return state.get(collection)?.slice(version) ?? [];
}

export function versionOf(state: AppState, collection: string): number {
  return state.get(collection)?.length ?? 0;
}

/**
 * Adds a patch that its author made on `version`, and tells the account's other devices.
 * Returns false when the collection has moved on since: the author must catch up and try again.
 */
export function addPatch(
  world: World,
  account: Account,
  author: Endpoint,
  { collection, version, patch }: { collection: string; version: number; patch: Uint8Array },
): boolean {
  const patches = account.appState.get(collection) ?? [];
  if (version !== patches.length) return false;
  const decoded = proto.SyncdPatch.decode(patch);
  decoded.version = { version: version + 1 };
  patches.push(Buffer.from(proto.SyncdPatch.encode(decoded).finish()));
  account.appState.set(collection, patches);
  const attrs = { from: SERVER_JID, id: world.nextId(), type: "server_sync", t: world.seconds };
  for (const endpoint of account.endpoints()) {
    if (endpoint === author) continue;
    const change = node("collection", { name: collection, version: String(patches.length) });
    endpoint.deliver(node("notification", attrs, [change]));
  }
  return true;
}
