import { z } from "zod";
import type { Group } from "../../model/group.ts";
import { newMessageId } from "../../phone/mailbox/message-id.ts";
import { change, changeMembers, setPicture } from "../../phone/owner/group.ts";
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
  description: z.string().max(2048).optional().describe("An empty text removes the description"),
  whoAdds: z.enum(["admins", "members"]).optional().describe("Who may add members"),
  approval: z.boolean().optional().describe("Whether an admin must approve people who follow the invite link"),
  picture: z.base64().nullable().optional().describe("A JPEG in Base64; null removes the picture"),
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
    method: "post",
    path: "/phones/{number}/groups/join",
    summary:
      "Follow the invite link of a group: join, or ask to join if an admin must approve. Returns 409 if it is revoked.",
    body: z.object({ code: z.string().min(1).describe("The part of the link after https://chat.whatsapp.com/") }),
    run: (request) => phoneOf(request).followInvite(request.body.code),
  }),
  route({
    method: "patch",
    path: "/phones/{number}/groups/{group}",
    summary: "Change a group on behalf of a member. Returns 409 if the member is not allowed to make the change.",
    body: GroupChange,
    answer: GroupView,
    run: (request) => {
      const group = groupOf(request);
      const phone = phoneOf(request);
      for (const element of elementsOf(request.body, group)) change(phone, group.jid, element);
      const { picture } = request.body;
      if (picture !== undefined) setPicture(phone, group.jid, picture === null ? null : Buffer.from(picture, "base64"));
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
    method: "post",
    path: "/phones/{number}/groups/{group}/requests",
    summary: "Approve or reject people who ask to join, as an admin",
    body: z.object({ action: z.enum(["approve", "reject"]), people: z.array(z.string().min(3)).min(1) }),
    answer: GroupView,
    run: (request) => {
      const { action, people } = request.body;
      const group = groupOf(request);
      const participants = people.map((person) => node("participant", { jid: toJid(person) }));
      change(phoneOf(request), group.jid, node("membership_requests_action", {}, [node(action, {}, participants)]));
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
function elementsOf(wanted: z.output<typeof GroupChange>, group: Group): BinaryNode[] {
  const { subject, announcement, locked, ephemeral, invite, description, whoAdds, approval } = wanted;
  const elements: BinaryNode[] = [];
  if (description !== undefined) {
    const prev = group.description && { prev: group.description.id };
    const body = node("body", {}, Buffer.from(description));
    elements.push(
      description === ""
        ? node("description", { ...prev, delete: "true" })
        : node("description", { ...prev, id: newMessageId() }, [body]),
    );
  }
  if (whoAdds) elements.push(node("member_add_mode", {}, whoAdds === "admins" ? "admin_add" : "all_member_add"));
  if (approval !== undefined)
    elements.push(node("membership_approval_mode", {}, [node("group_join", { state: approval ? "on" : "off" })]));
  if (subject !== undefined) elements.push(node("subject", {}, Buffer.from(subject)));
  if (announcement !== undefined) elements.push(node(announcement ? "announcement" : "not_announcement"));
  if (locked !== undefined) elements.push(node(locked ? "locked" : "unlocked"));
  if (ephemeral === 0) elements.push(node("not_ephemeral"));
  if (ephemeral) elements.push(node("ephemeral", { expiration: String(ephemeral) }));
  if (invite) elements.push(node("invite"));
  return elements;
}
