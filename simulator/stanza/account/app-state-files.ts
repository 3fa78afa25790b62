import type { Device } from "../../model/account.ts";
import { snapshotOf } from "../../model/app-state.ts";
import type { World } from "../../model/world.ts";
import { proto } from "../../wire/baileys.ts";
import { sealMedia } from "../../wire/media.ts";
import { type BinaryNode, node } from "../../wire/node.ts";

/** Stores a file with a part of the app state on the media host, and returns its description. */
function external(world: World, file: Buffer): proto.IExternalBlobReference {
  const { ciphertext, mediaKey, fileSha256, fileEncSha256 } = sealMedia(file, "app-state");
  const directPath = world.media.put("md-app-state", ciphertext);
  return { mediaKey, directPath, fileSha256, fileEncSha256, fileSizeBytes: ciphertext.length };
}

/** Returns the snapshot of a collection as an answer contains it: a file on the media host. */
export function snapshotNode(world: World, { account, faults }: Device, collection: string): BinaryNode | undefined {
  const snapshot = snapshotOf(account.appState, collection);
  if (!snapshot) return undefined;
  const decoded = proto.SyncdSnapshot.decode(snapshot);
  if (decoded.records?.length && faults.appState.take()) damage(decoded.records[0]);
  const file = Buffer.from(proto.SyncdSnapshot.encode(decoded).finish());
  return node("snapshot", {}, proto.ExternalBlobReference.encode(external(world, file)).finish());
}

/** Returns a patch as an answer contains it. If the account has large patches, their mutations are files on the media host. */
export function patchNode(world: World, { account, faults }: Device, encoded: Buffer): BinaryNode {
  const patch = proto.SyncdPatch.decode(encoded);
  if (patch.mutations?.length && faults.appState.take()) damage(patch.mutations[0]?.record);
  if (account.externalPatches) {
    const mutations = Buffer.from(proto.SyncdMutations.encode({ mutations: patch.mutations ?? [] }).finish());
    patch.externalMutations = external(world, mutations);
    patch.mutations = [];
  }
  return node("patch", {}, proto.SyncdPatch.encode(patch).finish());
}

/**
 * Flips a bit of the initialization vector, and with it one of the plaintext's first block. The value still decrypts and
 * decodes, so only its MAC shows the damage.
 */
function damage(record: proto.ISyncdRecord | null | undefined): void {
  if (!record?.value?.blob) return;
  const blob = Buffer.from(record.value.blob);
  blob[15] = (blob[15] ?? 0) ^ 1;
  record.value = { blob };
}
