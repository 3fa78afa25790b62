import type { Account } from "../../model/account.ts";
import type { Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, node } from "../../wire/node.ts";
import { deliverToAccount } from "../deliver.ts";
import { groupNode, participantNode } from "./nodes.ts";

/**
 * Sends a notification of a change to the devices of all members of a group. Source: `handleGroupNotification` in Baileys'
 * Socket/messages-recv.ts.
 * @param actor the account that made the change
 * @param options.also further accounts to notify, for example removed members
 */
export function notifyGroup(
  world: World,
  group: Group,
  actor: Account,
  change: BinaryNode,
  { also = [], type = "w:gp2" }: { also?: readonly Account[]; type?: string } = {},
): void {
  const attrs = noticeAttrs(world, group, actor, type);
  deliverToAll(new Set([...group.members.keys(), ...also]), node("notification", attrs, [change]));
}

/** Sends the whole group to its new members, and a notification of the new members to the others. */
export function notifyJoin(
  world: World,
  group: Group,
  actor: Account,
  joined: readonly Account[],
  reason?: string,
): void {
  const attrs = noticeAttrs(world, group, actor, "w:gp2");
  const participants = joined.map((account) => participantNode(account, group.members.get(account), group.addressing));
  const others = [...group.members.keys()].filter((account) => !joined.includes(account));
  deliverToAll(others, node("notification", attrs, [node("add", { reason }, participants)]));
  deliverToAll(joined, node("notification", attrs, [node("create", { reason }, [groupNode(group)])]));
}

function noticeAttrs(world: World, group: Group, actor: Account, type: string) {
  return {
    from: group.jid,
    type,
    id: world.nextId(),
    t: world.seconds,
    participant: actor.lidJid,
    participant_pn: actor.pnJid,
    notify: actor.pushName,
    addressing_mode: group.addressing,
  };
}

function deliverToAll(accounts: Iterable<Account>, stanza: BinaryNode): void {
  for (const account of accounts) deliverToAccount(account, stanza);
}
