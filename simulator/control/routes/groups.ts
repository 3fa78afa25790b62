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
  announcement: z.boolean().optional().describe("Whether only admins may send messages"),
  locked: z.boolean().optional().describe("Whether only admins may change subject, description and picture"),
  ephemeral: z.number().int().min(0).optional().describe("Seconds after which messages disappear; 0 means never"),
  invite: z.literal("revoke").optional().describe("Replace the invite link"),
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
    run: (request) => groupView(phoneOf(request).createGroup(request.body.subject, request.body.members)),
  }),
  route({
    method: "patch",
    path: "/phones/{number}/groups/{group}",
    summary: "Change a group on behalf of a member. Returns 409 if the member is not allowed to make the change.",
    body: GroupChange,
    answer: GroupView,
    run: (request) => {
      const group = groupOf(request);
      for (const element of elementsOf(request.body)) change(phoneOf(request), group.jid, element);
      return groupView(group);
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/groups/{group}/members",
    summary: "Add, remove, promote or demote members",
    body: Members,
    answer: GroupView,
    run: (request) => {
      const { action, members } = request.body;
      const group = groupOf(request);
      changeMembers(phoneOf(request), group.jid, action, members.map(toJid));
      return groupView(group);
    },
  }),
  route({
    method: "delete",
    path: "/phones/{number}/groups/{group}",
    summary: "Leave a group",
    run: (request) => phoneOf(request).leaveGroup(groupOf(request).jid),
  }),
];

/** Returns the elements with which a client requests these changes. */
function elementsOf({ subject, announcement, locked, ephemeral, invite }: z.output<typeof GroupChange>): BinaryNode[] {
  const elements: BinaryNode[] = [];
  if (subject !== undefined) elements.push(node("subject", {}, Buffer.from(subject)));
  if (announcement !== undefined) elements.push(node(announcement ? "announcement" : "not_announcement"));
  if (locked !== undefined) elements.push(node(locked ? "locked" : "unlocked"));
  if (ephemeral === 0) elements.push(node("not_ephemeral"));
  if (ephemeral) elements.push(node("ephemeral", { expiration: String(ephemeral) }));
  if (invite) elements.push(node("invite"));
  return elements;
}
