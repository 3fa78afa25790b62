import { proto } from "../wire/baileys.ts";

export const COLLECTIONS = [
  "critical_block",
  "critical_unblock_low",
  "regular_high",
  "regular_low",
  "regular",
] as const;
export type Collection = (typeof COLLECTIONS)[number];

/**
 * An account's app state as the server stores it: the encrypted patches of each collection, one per version, in order.
 * The server cannot read them.
 */
export type AppState = Map<string, Buffer[]>;

export function patchesSince(state: AppState, collection: string, version: number): Buffer[] {
  return state.get(collection)?.slice(version) ?? [];
}

export function versionOf(state: AppState, collection: string): number {
  return state.get(collection)?.length ?? 0;
}

/** A new patch. `version` is the version of the collection to which its author applied the patch. */
export type NewPatch = { collection: string; version: number; patch: Uint8Array };

/**
 * Appends a patch. Returns false if the collection has a newer version than the patch. The author must then apply the
 * newer patches and try again.
 */
export function appendPatch(state: AppState, { collection, version, patch }: NewPatch): boolean {
  const patches = state.get(collection) ?? [];
  if (version !== patches.length) return false;
  const decoded = proto.SyncdPatch.decode(patch);
  decoded.version = { version: version + 1 };
  patches.push(Buffer.from(proto.SyncdPatch.encode(decoded).finish()));
  state.set(collection, patches);
  return true;
}

/**
 * Returns all entries of a collection as one message, for a device that has no version of it, or undefined if the collection
 * is empty. The server makes it without the keys: the MAC is that of the newest patch. Source: `applySnapshot` in whatsmeow's
 * appstate/decode.go.
 */
export function snapshotOf(state: AppState, collection: string): Buffer | undefined {
  const patches = (state.get(collection) ?? []).map((patch) => proto.SyncdPatch.decode(patch));
  const last = patches.at(-1);
  if (!last) return undefined;
  const records = new Map<string, proto.ISyncdRecord>();
  for (const { operation, record } of patches.flatMap(({ mutations }) => mutations ?? [])) {
    const index = Buffer.from(record?.index?.blob ?? []).toString("base64");
    if (operation === proto.SyncdMutation.SyncdOperation.REMOVE) records.delete(index);
    else if (record) records.set(index, record);
  }
  const { snapshotMac, keyId } = last;
  const snapshot = {
    version: { version: patches.length },
    records: [...records.values()],
    mac: snapshotMac ?? null,
    keyId: keyId ?? null,
  };
  return Buffer.from(proto.SyncdSnapshot.encode(snapshot).finish());
}
