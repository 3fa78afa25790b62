import { addPatch, COLLECTIONS, patchesSince, versionOf } from "../../model/app-state.ts";
import { type BinaryNode, bytes, child, children, node, result } from "../../wire/node.ts";
import { type IqHandler, Unsupported } from "../iq.ts";

const known = new Set<string>(COLLECTIONS);

/** App state: gives each collection's patches since the client's version, and takes new ones. */
export const appState: IqHandler = (iq, { world, device }) => {
  const { account } = device;
  const answers = children(child(iq, "sync"), "collection").map((asked): BinaryNode => {
    const { name = "" } = asked.attrs;
    const version = Number(asked.attrs.version ?? "0");
    if (!known.has(name)) throw new Unsupported(`app state collection ${name}`);
    const patch = bytes(child(asked, "patch"));
    if (patch) {
      if (addPatch(world, account, device, { collection: name, version, patch })) {
        return node("collection", { name, version: String(version + 1) });
      }
      const attrs = { name, type: "error", version: String(versionOf(account.appState, name)) };
      return node("collection", attrs, [node("error", { code: "409", text: "conflict" })]);
    }
    const patches = patchesSince(account.appState, name, version).map((content) => node("patch", {}, content));
    const attrs = { name, version: String(version) };
    return node("collection", attrs, patches.length > 0 ? [node("patches", {}, patches)] : undefined);
  });
  return result(iq, [node("sync", {}, answers)]);
};
