import type { Account } from "../../model/account.ts";
import { announcementsOf } from "../../model/community.ts";
import type { Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, bytes, child, node } from "../../wire/node.ts";
import { Refusal } from "../errors.ts";
import type { GroupChange } from "./group-change.ts";
import { descriptionNode } from "./nodes.ts";
import { notifyGroup } from "./notify.ts";
import { requireAdmin } from "./permission.ts";

/** WhatsApp answers 406 to a longer subject. Source: `ReqCreateGroup` in whatsmeow's group.go, with an older limit of 25. */
const MAX_SUBJECT_LENGTH = 100;

/** Returns the handler of a setting that only admins may change. The notification repeats the client's element. */
function setting(apply: (group: Group, change: BinaryNode) => void): GroupChange {
  return (change, group, actor, world) => {
    requireAdmin(group, actor);
    apply(group, change);
    notifyGroup(world, group, actor, change);
    return undefined;
  };
}

export const announcement = (on: boolean): GroupChange =>
  setting((group) => {
    group.announcement = on;
  });

export const locked = (on: boolean): GroupChange =>
  setting((group) => {
    group.locked = on;
  });

export const setEphemeral = setting((group, change) => {
  group.ephemeral = Number(change.attrs.expiration ?? "0");
});

export const clearEphemeral = setting((group) => {
  group.ephemeral = 0;
});

export const setMemberAddMode = setting((group, change) => {
  const mode = bytes(change)?.toString();
  if (mode !== "admin_add" && mode !== "all_member_add") throw new Refusal(400, "bad-request");
  group.memberAddMode = mode;
});

export const setApproval = setting((group, change) => {
  group.approval = child(change, "group_join")?.attrs.state === "on";
});

export const setSubject: GroupChange = (change, group, actor, world) => {
  changeSubject(world, actor, group, bytes(change)?.toString() ?? "");
  return undefined;
};

/** Changes the subject of a group. Throws `Refusal`. */
export function changeSubject(world: World, actor: Account, group: Group, subject: string): void {
  if (group.locked) requireAdmin(group, actor);
  if (subject === "" || subject.length > MAX_SUBJECT_LENGTH) throw new Refusal(406, "not-acceptable");
  group.subject = subject;
  group.subjectAt = Number(world.seconds);
  notifyGroup(world, group, actor, node("subject", { subject, s_t: world.seconds, s_o: actor.lidJid }));
  // The announcement group has the same subject as its community.
  if (group.community) {
    for (const announcements of announcementsOf(world, group)) changeSubject(world, actor, announcements, subject);
  }
}

/** Sets or deletes the description. Throws 409 if the request does not contain the id of the current description. */
export const setDescription: GroupChange = (change, group, actor, world) => {
  if (group.locked) requireAdmin(group, actor);
  if ((change.attrs.prev ?? undefined) !== group.description?.id) throw new Refusal(409, "conflict");
  const { id } = change.attrs;
  const text = bytes(child(change, "body"))?.toString() ?? "";
  group.description = change.attrs.delete || !id ? undefined : { id, text, author: actor, at: Number(world.seconds) };
  const notice = group.description ? descriptionNode(group.description) : node("description", { delete: "true" });
  notifyGroup(world, group, actor, notice);
  return undefined;
};
