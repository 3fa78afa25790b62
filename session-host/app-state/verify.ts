import { hkdfSync } from "node:crypto";
import {
  type ChatMutation,
  decodeSyncdMutations,
  decodeSyncdPatch,
  hmacSign,
  type LTHashState,
  newLTHashState,
  proto,
} from "@whiskeysockets/baileys";

/** Returns a key of the app state by its id in base64. */
export type FindKey = (id: string) => Promise<proto.Message.IAppStateSyncKeyData | null | undefined>;

/** A snapshot or a patch differs from what the phone signed. */
export class DamagedState extends Error {}

/** The phone has not shared these keys, whose ids are in base64. */
export class MissingKeys extends Error {
  readonly ids: string[];
  constructor(ids: string[]) {
    super(`${ids.length} keys of the app state are missing`);
    this.ids = ids;
  }
}

/** An entry of the app state that was set. */
export interface Entry {
  /** The action and its object, such as `["archive", "…@s.whatsapp.net"]`. */
  index: string[];
  value: proto.ISyncActionValue;
  /** Whether the entry is from a snapshot, which has all entries, and not from a patch. */
  inSnapshot: boolean;
}

/** A collection of the app state, as WhatsApp sends it: at most a snapshot, and the patches after it. */
export interface Content {
  snapshot: proto.ISyncdSnapshot | undefined;
  patches: proto.ISyncdPatch[];
}

const snapshotKeyInfo = "WhatsApp Mutation Keys";
const keyBytes = 32;

/**
 * Returns the state of a collection after its snapshot and patches, and the entries that they set, in order. An entry that
 * is removed is left out, as in whatsmeow (`dispatchAppState` in appstate.go). `before` is the state to which the patches apply if
 * there is no snapshot. Throws `MissingKeys`, or `DamagedState` if a MAC is wrong.
 *
 * Baileys doesn't check the MACs unless it is told to, and then skips what is wrong and goes on with an incomplete state
 * (7.0.0-rc14, `decodeSyncdMutations`, `decodePatches` and `decodeSyncdSnapshot` in `Utils/chat-utils.js`). Whatsmeow
 * refuses it (`DecodePatches` in appstate/decode.go).
 */
export async function verify(
  name: string,
  { snapshot, patches }: Content,
  before: LTHashState,
  findKey: FindKey,
): Promise<{ state: LTHashState; entries: Entry[] }> {
  await assertKeys({ snapshot, patches }, findKey);
  try {
    const entries: Entry[] = [];
    let state = snapshot ? await afterSnapshot(name, snapshot, findKey, entries) : before;
    for (const patch of patches) state = await afterPatch(name, patch, { before: state, findKey, entries });
    return { state, entries };
  } catch (error) {
    if (error instanceof DamagedState) throw error;
    // Bytes that are not a protobuf message, a wrong patch MAC or a wrong index MAC.
    throw new DamagedState(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

async function assertKeys({ snapshot, patches }: Content, findKey: FindKey): Promise<void> {
  const named = [
    ...(snapshot ? [snapshot.keyId, ...(snapshot.records ?? []).map(({ keyId }) => keyId)] : []),
    ...patches.flatMap(({ keyId, mutations }) => [keyId, ...(mutations ?? []).map(({ record }) => record?.keyId)]),
  ];
  const ids = new Set(named.map((keyId) => base64(keyId?.id)));
  const missing: string[] = [];
  for (const id of ids) if (!(await findKey(id))?.keyData?.length) missing.push(id);
  if (missing.length > 0) throw new MissingKeys(missing);
}

async function afterSnapshot(
  name: string,
  snapshot: proto.ISyncdSnapshot,
  findKey: FindKey,
  entries: Entry[],
): Promise<LTHashState> {
  const state = { ...newLTHashState(), version: Number(snapshot.version?.version ?? 0) };
  const records = snapshot.records ?? [];
  const collect = ({ syncAction, index }: ChatMutation) =>
    void entries.push({ index, value: syncAction.value ?? {}, inSnapshot: true });
  const { hash, indexValueMap } = await decodeSyncdMutations(records, state, findKeyOf(findKey), collect, true);
  const after = { ...state, hash, indexValueMap };
  await assertMac(name, after, { keyId: snapshot.keyId, mac: snapshot.mac }, findKey);
  return after;
}

async function afterPatch(
  name: string,
  patch: proto.ISyncdPatch,
  { before, findKey, entries }: { before: LTHashState; findKey: FindKey; entries: Entry[] },
): Promise<LTHashState> {
  const version = Number(patch.version?.version ?? 0);
  if (version !== before.version + 1) throw new DamagedState(`version ${version} follows ${before.version}`);
  const state = { ...before, version };
  const decoded = proto.SyncdPatch.fromObject(patch);
  // Baileys calls this for each mutation, in order.
  let next = 0;
  const collect = ({ syncAction, index }: ChatMutation) => {
    const isSet = decoded.mutations[next++]?.operation !== proto.SyncdMutation.SyncdOperation.REMOVE;
    if (isSet) entries.push({ index, value: syncAction.value ?? {}, inSnapshot: false });
  };
  const { hash, indexValueMap } = await decodeSyncdPatch(
    decoded,
    name as Parameters<typeof decodeSyncdPatch>[1],
    state,
    findKeyOf(findKey),
    collect,
    true,
  );
  const after = { ...state, hash, indexValueMap };
  await assertMac(name, after, { keyId: patch.keyId, mac: patch.snapshotMac }, findKey);
  return after;
}

/** Baileys' type of a function that finds a key. */
type BaileysFindKey = Parameters<typeof decodeSyncdMutations>[2];
const findKeyOf =
  (findKey: FindKey): BaileysFindKey =>
  async (id) =>
    (await findKey(id)) ?? undefined;

/** Throws unless the phone signed this state. */
async function assertMac(
  name: string,
  { hash, version }: LTHashState,
  { keyId, mac }: { keyId: proto.IKeyId | null | undefined; mac: Uint8Array | null | undefined },
  findKey: FindKey,
): Promise<void> {
  const key = await findKey(base64(keyId?.id));
  const expanded = Buffer.from(hkdfSync("sha256", key?.keyData ?? Buffer.alloc(0), "", snapshotKeyInfo, 5 * keyBytes));
  // The five keys are for indexes, encryption, values, snapshots and patches (`expandAppStateKeys` in appstate/keys.go of
  // whatsmeow).
  const snapshotKey = expanded.subarray(3 * keyBytes, 4 * keyBytes);
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(version));
  const expected = hmacSign(Buffer.concat([hash, number, Buffer.from(name)]), snapshotKey);
  if (!mac || !Buffer.from(mac).equals(expected)) throw new DamagedState(`the MAC of version ${version} is wrong`);
}

const base64 = (id: Uint8Array | null | undefined): string => Buffer.from(id ?? []).toString("base64");
