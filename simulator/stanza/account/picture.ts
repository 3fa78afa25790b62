import { Account } from "../../model/account.ts";
import { notifyGroup } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { isGroupJid } from "../../wire/jid.ts";
import { type BinaryNode, bytes, child, node, result } from "../../wire/node.ts";
import { type IqHandler, Refusal } from "../iq.ts";

/** A profile picture, in the clear on the media host. */
export type Picture = { id: string; directPath: string };

/** Profile pictures of accounts and groups: `get` with a target, `set` with or without one, without bytes to remove. */
export const picture: IqHandler = (iq, { world, device }) => {
  const { target } = iq.attrs;
  const group = target && isGroupJid(target) ? world.groups.get(target) : undefined;
  const owner = group ?? (target ? world.accountOf(target) : device.account);
  if (!owner) throw new Refusal(404, "item-not-found");
  if (iq.attrs.type === "get") {
    if (owner instanceof Account && !owner.shows("profile", device.account)) throw new Refusal(401, "not-authorized");
    if (!owner.picture) throw new Refusal(404, "item-not-found");
    const { id, directPath } = owner.picture;
    const attrs = {
      id,
      type: child(iq, "picture")?.attrs.type ?? "image",
      url: world.media.url(directPath),
      direct_path: directPath,
    };
    return result(iq, [node("picture", attrs)]);
  }
  if (group ? !group.members.has(device.account) : owner !== device.account) throw new Refusal(401, "not-authorized");
  if (group?.locked && !group.isAdmin(device.account)) throw new Refusal(403, "forbidden");
  const image = bytes(child(iq, "picture"));
  owner.picture = image && { id: String(world.clock()), directPath: world.media.put("pps", Buffer.from(image)) };
  const author = device.account.lidJid;
  const notice = owner.picture ? node("set", { id: owner.picture.id, author }) : node("delete", { author });
  if (group) notifyGroup(world, group, device.account, notice, [], "picture");
  else notifyContacts(world, device.account, notice);
  return result(iq, owner.picture ? [node("picture", { id: owner.picture.id })] : undefined);
};

/** Those who know the account's devices know the account. */
function notifyContacts(world: World, account: Account, notice: BinaryNode): void {
  for (const device of account.watchers) {
    if (device.account.companions.get(device.id) !== device) continue;
    const attrs = { from: account.lidJid, id: world.nextId(), type: "picture", t: world.seconds };
    device.deliver(node("notification", attrs, [notice]));
  }
}
