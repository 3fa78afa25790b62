import { Account } from "../../model/account.ts";
import type { Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { isGroupJid } from "../../wire/jid.ts";
import { type BinaryNode, bytes, child, node } from "../../wire/node.ts";
import { Refusal, Unanswered } from "../errors.ts";
import { notifyGroup } from "../group/notify.ts";
import { type IqHandler, type Origin, result } from "../iq.ts";
import { checkPrivacyToken } from "./privacy-token.ts";

/**
 * `w:profile:picture`: gets, sets and removes the profile pictures of accounts and groups. Without a target, the request is
 * about the client's own picture. A `set` without bytes removes the picture. Source: `updateProfilePicture` and
 * `profilePictureUrl` in Baileys' Socket/chats.ts.
 */
export const picture: IqHandler = (iq, origin) => {
  const { world, device } = origin;
  const { target } = iq.attrs;
  const group = target && isGroupJid(target) ? world.groups.get(target) : undefined;
  const owner = group ?? (target ? world.accountOf(target) : device.account);
  if (!owner) throw new Refusal(404, "item-not-found");
  if (iq.attrs.type === "get") {
    const request = child(iq, "picture");
    if (owner === device.account && child(request, "tctoken")) throw new Unanswered("a privacy token for oneself");
    if (owner instanceof Account)
      checkPrivacyToken(world, { connection: origin.connection, sender: device.account, recipient: owner }, request);
    return result(iq, [pictureNode(iq, owner, origin)]);
  }
  if (!group && owner !== device.account) throw new Refusal(401, "not-authorized");
  const image = bytes(child(iq, "picture"));
  if (group) changePictureOf(world, group, device.account, image);
  else changePicture(world, device.account, image);
  return result(iq, owner.picture ? [node("picture", { id: owner.picture.id })] : undefined);
};

/** Sets or removes the picture of an account, and notifies its contacts. */
export function changePicture(world: World, account: Account, image: Uint8Array | undefined): void {
  notifyContacts(world, account, replace(world, account, account, image));
}

/** Sets or removes the picture of a group, and notifies its members. Throws `Refusal` if the account may not. */
export function changePictureOf(world: World, group: Group, actor: Account, image: Uint8Array | undefined): void {
  if (!group.members.has(actor)) throw new Refusal(401, "not-authorized");
  if (group.locked && !group.isAdmin(actor)) throw new Refusal(403, "forbidden");
  notifyGroup(world, group, actor, replace(world, group, actor, image), { type: "picture" });
}

/** Replaces a picture, and returns the notice of it. */
function replace(world: World, owner: Account | Group, actor: Account, image: Uint8Array | undefined): BinaryNode {
  owner.picture = image && { id: String(world.clock()), directPath: world.media.put("pps", Buffer.from(image)) };
  const author = actor.lidJid;
  return owner.picture ? node("set", { id: owner.picture.id, author }) : node("delete", { author });
}

function pictureNode(iq: BinaryNode, owner: Account | Group, { world, device }: Origin): BinaryNode {
  if (owner instanceof Account && !owner.shows("profile", device.account)) throw new Refusal(401, "not-authorized");
  if (!owner.picture) throw new Refusal(404, "item-not-found");
  const { id, directPath } = owner.picture;
  const type = child(iq, "picture")?.attrs.type ?? "image";
  return node("picture", { id, type, url: world.media.url(directPath), direct_path: directPath });
}

/** Notifies the devices that cache the account's device list. The simulator treats their accounts as the contacts. */
function notifyContacts(world: World, account: Account, notice: BinaryNode): void {
  for (const device of account.watchers) {
    if (device.account.companions.get(device.id) !== device) continue;
    const attrs = { from: account.lidJid, id: world.nextId(), type: "picture", t: world.seconds };
    device.deliver(node("notification", attrs, [notice]));
  }
}
