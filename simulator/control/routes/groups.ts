import { z } from "zod";
import { change, changeMembers } from "../../phone/owner/group.ts";
import { toJid } from "../../wire/jid.ts";
import { type BinaryNode, node } from "../../wire/node.ts";
import { groupOf, phoneOf } from "../base/lookup.ts";
import { type Route, route } from "../base/route.ts";
import { GroupView, NewGroup } from "../base/schema.ts";
import { groupView } from "../base/view.ts";

const Members = z.object({
  action: z.enum(["add", "remove", "promote", "demote"]),
  members: z.array(z.string().min(3).describe("A phone number or a JID")).min(1),
});
const GroupChange = z.object({
  subject: z.string().min(1).max(100).optional(),
  announcement: z.boolean().optional().describe("Only admins write"),
  locked: z.boolean().optional().describe("Only admins change subject, description and picture"),
  ephemeral: z.number().int().min(0).optional().describe("Seconds after which messages disappear; 0 means never"),
  invite: z.literal("revoke").optional(),
});

export const groupRoutes: Route[] = [
  route({
    method: "get",
    path: "/groups",
    summary: "List all groups",
    answer: z.array(GroupView),
    run: ({ wa }) => [...wa.world.groups.values()].map(groupView),
  }),
  route({
    method: "post",
    path: "/phones/{number}/groups",
    summary: "Create a group",
    body: NewGroup,
    answer: GroupView,
    run: (asked) => groupView(phoneOf(asked).createGroup(asked.body.subject, asked.body.members)),
  }),
  route({
    method: "patch",
    path: "/phones/{number}/groups/{group}",
    summary: "Change a group as one of its members; 409 if the member may not",
    body: GroupChange,
    answer: GroupView,
    run: (asked) => {
      const group = groupOf(asked);
      for (const one of changesOf(asked.body)) change(phoneOf(asked), group.jid, one);
      return groupView(group);
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/groups/{group}/members",
    summary: "Add, remove, promote or demote members",
    body: Members,
    answer: GroupView,
    run: (asked) => {
      const { action, members } = asked.body;
      const group = groupOf(asked);
      changeMembers(phoneOf(asked), group.jid, action, members.map(toJid));
      return groupView(group);
    },
  }),
  route({
    method: "delete",
    path: "/phones/{number}/groups/{group}",
    summary: "Leave a group",
    run: (asked) => phoneOf(asked).leaveGroup(groupOf(asked).jid),
  }),
];

function changesOf({ subject, announcement, locked, ephemeral, invite }: z.output<typeof GroupChange>): BinaryNode[] {
  const changes: BinaryNode[] = [];
  if (subject !== undefined) changes.push(node("subject", {}, Buffer.from(subject)));
  if (announcement !== undefined) changes.push(node(announcement ? "announcement" : "not_announcement"));
  if (locked !== undefined) changes.push(node(locked ? "locked" : "unlocked"));
  if (ephemeral === 0) changes.push(node("not_ephemeral"));
  if (ephemeral) changes.push(node("ephemeral", { expiration: String(ephemeral) }));
  if (invite) changes.push(node("invite"));
  return changes;
}
