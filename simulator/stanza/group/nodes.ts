import type { Account } from "../../model/account.ts";
import type { Group, GroupAddressing, Role } from "../../model/group.ts";
import { type BinaryNode, node } from "../../wire/node.ts";

/**
 * Builds the `group` element, for answers to queries and the notification of a new group. Source: `extractGroupMetadata` in
 * Baileys' Socket/groups.ts, which reads it.
 */
export function groupNode(group: Group): BinaryNode {
  const { creator } = group;
  const content = [...group.members].map(([account, role]) => participantNode(account, role, group.addressing));
  if (group.announcement) content.push(node("announcement"));
  if (group.locked) content.push(node("locked"));
  if (group.ephemeral > 0) content.push(node("ephemeral", { expiration: String(group.ephemeral) }));
  if (group.approval) content.push(node("membership_approval_mode", {}, [node("group_join", { state: "on" })]));
  content.push(node("member_add_mode", {}, Buffer.from(group.memberAddMode)));
  if (group.description) content.push(descriptionNode(group.description));
  content.push(...communityNodes(group));
  return node(
    "group",
    {
      id: group.id,
      subject: group.subject,
      s_t: String(group.subjectAt),
      s_o: creator.lidJid,
      s_o_pn: creator.pnJid,
      creation: String(group.createdAt),
      creator: creator.lidJid,
      creator_pn: creator.pnJid,
      addressing_mode: group.addressing,
      size: String(group.members.size),
    },
    content,
  );
}

/** Builds the elements of `group` that describe its relation to a community. */
function communityNodes({ community, parent, purpose }: Group): BinaryNode[] {
  return [
    ...(community ? [node("parent", { default_membership_approval_mode: community.approval })] : []),
    ...(parent ? [node("linked_parent", { jid: parent.jid })] : []),
    ...(purpose === "announcements" ? [node("default_sub_group")] : []),
    ...(purpose === "general" ? [node("general_chat")] : []),
  ];
}

/** Builds the short form of the `group` element, without members. Accounts outside the group get it too. */
export function summaryNode(group: Group): BinaryNode {
  const { id, subject, subjectAt, creator, createdAt, members, purpose } = group;
  const attrs = { id, jid: group.jid, subject, s_t: String(subjectAt), creator: creator.lidJid };
  const more = { creation: String(createdAt), size: String(members.size) };
  return node("group", { ...attrs, ...more }, purpose === "announcements" ? [node("default_sub_group")] : []);
}

export function descriptionNode({ id, text, author, at }: NonNullable<Group["description"]>): BinaryNode {
  const attrs = { id, participant: author.lidJid, participant_pn: author.pnJid, t: String(at) };
  return node("description", attrs, [node("body", {}, Buffer.from(text))]);
}

export function participantNode(
  account: Account,
  role: Role = "member",
  addressing: GroupAddressing = "lid",
): BinaryNode {
  const type = role === "member" ? undefined : role;
  const { lidJid, pnJid } = account;
  const names = addressing === "lid" ? { jid: lidJid, phone_number: pnJid } : { jid: pnJid, lid: lidJid };
  return node("participant", { ...names, type });
}
