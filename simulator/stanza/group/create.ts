import type { Account } from "../../model/account.ts";
import { type CommunitySettings, Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { node } from "../../wire/node.ts";
import { groupNode } from "./nodes.ts";
import { notifyGroup } from "./notify.ts";

type Initial = Partial<Pick<Group, "community" | "parent" | "purpose" | "announcement" | "description">>;

/** Creates a group and notifies its members. */
export function createGroup(
  world: World,
  creator: Account,
  subject: string,
  members: readonly Account[],
  initial: Initial = {},
): Group {
  const seconds = Math.floor(world.clock() / 1000);
  const id = `120363${String(world.groups.size + 1).padStart(12, "0")}`;
  const group = Object.assign(new Group(id, subject, creator, seconds), initial);
  for (const account of members) if (account !== creator) group.members.set(account, "member");
  world.groups.set(group.jid, group);
  notifyGroup(world, group, creator, node("create", { type: "new", key: world.nextId() }, [groupNode(group)]));
  return group;
}

/**
 * Creates a community and its announcement group. With `general`, also creates its general chat. Source: `ReqCreateGroup` in
 * whatsmeow's group.go ("the linked announcement group will be created automatically by the server").
 */
export function createCommunity(
  world: World,
  creator: Account,
  subject: string,
  settings: CommunitySettings & { description?: Group["description"]; general?: boolean },
): Group {
  const { description, general, ...community } = settings;
  const parent = createGroup(world, creator, subject, [], { community, description });
  createGroup(world, creator, subject, [], { parent, purpose: "announcements", announcement: true });
  if (general) createGroup(world, creator, "General", [], { parent, purpose: "general" });
  return parent;
}
