import type { Account, Endpoint } from "../../model/account.ts";
import { appendPatch, COLLECTIONS, type NewPatch, patchesSince, versionOf } from "../../model/app-state.ts";
import type { World } from "../../model/world.ts";
import { SERVER_JID } from "../../wire/jid.ts";
import { type BinaryNode, bytes, child, children, node } from "../../wire/node.ts";
import { deliverToAccount } from "../deliver.ts";
import { Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";
import { patchNode, snapshotNode } from "./app-state-files.ts";

const collections = new Set<string>(COLLECTIONS);

/**
 * Appends a patch and notifies the other devices of the account. Returns false if the collection has a newer version
 * than the patch. The author must then apply the newer patches and try again.
 */
export function addPatch(world: World, account: Account, author: Endpoint, change: NewPatch): boolean {
  if (!appendPatch(account.appState, change)) return false;
  const { collection: name } = change;
  const attrs = { from: SERVER_JID, id: world.nextId(), type: "server_sync", t: world.seconds };
  const collection = node("collection", { name, version: String(versionOf(account.appState, name)) });
  deliverToAccount(account, node("notification", attrs, [collection]), author);
  return true;
}

/**
 * `w:sync:app:state`: returns the snapshot of each collection, or its patches since the client's version, and accepts new
 * patches.
 * Source: `resyncAppState` and `appPatch` in Baileys' Socket/chats.ts, `extractSyncdPatches` in Utils/chat-utils.ts.
 */
export const appState: IqHandler = (iq, { world, device }) => {
  const { account } = device;
  const answers = children(child(iq, "sync"), "collection").map((element): BinaryNode => {
    const { name = "" } = element.attrs;
    const version = Number(element.attrs.version ?? "0");
    if (!collections.has(name)) throw new Unsupported(`app state collection ${name}`);
    const patch = bytes(child(element, "patch"));
    if (patch) {
      if (addPatch(world, account, device, { collection: name, version, patch })) {
        return node("collection", { name, version: String(version + 1) });
      }
      const attrs = { name, type: "error", version: String(versionOf(account.appState, name)) };
      return node("collection", attrs, [node("error", { code: "409", text: "conflict" })]);
    }
    if (element.attrs.return_snapshot === "true") {
      const snapshot = snapshotNode(world, device, name);
      return node("collection", { name, version: "0" }, snapshot && [snapshot]);
    }
    const patches = patchesSince(account.appState, name, version).map((patch) => patchNode(world, device, patch));
    const attrs = { name, version: String(version) };
    return node("collection", attrs, patches.length > 0 ? [node("patches", {}, patches)] : undefined);
  });
  return result(iq, [node("sync", {}, answers)]);
};
