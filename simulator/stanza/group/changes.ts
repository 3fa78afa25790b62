import type { Account } from "../../model/account.ts";
import type { Device } from "../../model/device.ts";
import {
  createGroup,
  descriptionNode,
  type Group,
  groupNode,
  newInviteCode,
  notifyGroup,
  notifyJoin,
  participantNode,
} from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, bytes, child, children, node, result } from "../../wire/node.ts";
import { Refusal, Unsupported } from "../iq.ts";
import { announcementsOf, depart, enter, follow, isGate } from "./community.ts";
import { createInCommunity, leaveCommunities, linkGroups, unlinkGroups } from "./community-changes.ts";

type Change = (change: BinaryNode, group: Group, actor: Account, world: World) => BinaryNode[] | undefined;

function adminOnly(group: Group, actor: Account): void {
  if (!group.isAdmin(actor)) throw new Refusal(403, "forbidden");
}

function settle(world: World, group: Group, actor: Account, notice: BinaryNode, also: Account[] = []): undefined {
  notifyGroup(world, group, actor, notice, also);
  return undefined;
}

/** A change of who is in the group, and how: applied one by one, each with its own outcome. */
function membership(apply: (group: Group, account: Account) => number | undefined): Change {
  return (change, group, actor, world) => {
    if (change.tag !== "add" || group.memberAddMode === "admin_add") adminOnly(group, actor);
    const done: Account[] = [];
    const outcomes = children(change, "participant").map(({ attrs }) => {
      const account = attrs.jid ? world.accountOf(attrs.jid) : undefined;
      const error = account ? apply(group, account) : 404;
      if (account && error === undefined) done.push(account);
      const named = account ? { jid: account.lidJid, phone_number: account.pnJid } : { jid: attrs.jid };
      return node("participant", { ...named, error: error === undefined ? undefined : String(error) });
    });
    if (done.length > 0 && change.tag === "add") notifyJoin(world, group, actor, done);
    else if (done.length > 0) {
      const changed = done.map((account) => participantNode(account, group.members.get(account)));
      notifyGroup(world, group, actor, node(change.tag, {}, changed), done);
    }
    follow(world, actor, group, change.tag, done);
    return [node(change.tag, {}, outcomes)];
  };
}

/** A setting with two tags, one for on and one for off. */
function toggle(apply: (group: Group, change: BinaryNode) => void): Change {
  return (change, group, actor, world) => {
    adminOnly(group, actor);
    apply(group, change);
    return settle(world, group, actor, change);
  };
}

function join(group: Group, account: Account): number | undefined {
  if (group.members.has(account)) return 409;
  group.members.set(account, "member");
  group.requests.delete(account);
  return undefined;
}

const changes: Record<string, Change> = {
  add: membership(join),
  remove: membership((group, account) => (group.members.delete(account) ? undefined : 404)),
  promote: membership((group, account) => {
    if (!group.members.has(account)) return 404;
    if (!group.isAdmin(account)) group.members.set(account, "admin");
    return undefined;
  }),
  demote: membership((group, account) => {
    if (!group.members.has(account)) return 404;
    if (group.members.get(account) === "superadmin") return 406;
    group.members.set(account, "member");
    return undefined;
  }),
  subject: (change, group, actor, world) => {
    changeSubject(world, actor, group, bytes(change)?.toString() ?? "");
    return undefined;
  },
  description: (change, group, actor, world) => {
    if (group.locked) adminOnly(group, actor);
    if ((change.attrs.prev ?? undefined) !== group.description?.id) throw new Refusal(409, "conflict");
    const { id } = change.attrs;
    const text = bytes(child(change, "body"))?.toString() ?? "";
    group.description = change.attrs.delete || !id ? undefined : { id, text, author: actor, at: Number(world.seconds) };
    const notice = group.description ? descriptionNode(group.description) : node("description", { delete: "true" });
    return settle(world, group, actor, notice);
  },
  announcement: toggle((group) => {
    group.announcement = true;
  }),
  not_announcement: toggle((group) => {
    group.announcement = false;
  }),
  locked: toggle((group) => {
    group.locked = true;
  }),
  unlocked: toggle((group) => {
    group.locked = false;
  }),
  ephemeral: toggle((group, change) => {
    group.ephemeral = Number(change.attrs.expiration ?? "0");
  }),
  not_ephemeral: toggle((group) => {
    group.ephemeral = 0;
  }),
  member_add_mode: toggle((group, change) => {
    const mode = bytes(change)?.toString();
    if (mode !== "admin_add" && mode !== "all_member_add") throw new Refusal(400, "bad-request");
    group.memberAddMode = mode;
  }),
  membership_approval_mode: toggle((group, change) => {
    group.approval = child(change, "group_join")?.attrs.state === "on";
  }),
  invite: (_change, group, actor, world) => {
    adminOnly(group, actor);
    group.inviteCode = newInviteCode();
    notifyGroup(world, group, actor, node("invite", { code: group.inviteCode }));
    return [node("invite", { code: group.inviteCode })];
  },
  membership_requests_action: (change, group, actor, world) => {
    adminOnly(group, actor);
    const [action] = children(change);
    const outcomes = children(action, "participant").map(({ attrs }) => {
      const account = attrs.jid ? world.accountOf(attrs.jid) : undefined;
      if (!account || !group.requests.delete(account)) return node("participant", { jid: attrs.jid, error: "404" });
      if (action?.tag === "approve") {
        join(group, account);
        notifyJoin(world, group, actor, [account]);
        enter(world, actor, group, [account]);
      }
      return node("participant", { jid: account.lidJid });
    });
    return [node("membership_requests_action", {}, [node(action?.tag ?? "reject", {}, outcomes)])];
  },
  links: linkGroups,
  unlink: unlinkGroups,
};

/** The group behind an invite code. @throws 404 when it was revoked. */
export function invited(world: World, code: string): Group {
  for (const group of world.groups.values()) if (group.inviteCode === code) return group;
  throw new Refusal(404, "item-not-found");
}

/** Follows an invite link: in at once, or into the queue of those who ask. */
export function followInvite(world: World, account: Account, code: string): BinaryNode {
  const group = invited(world, code);
  if (group.members.has(account)) throw new Refusal(409, "conflict");
  if (group.approval) {
    group.requests.set(account, Number(world.seconds));
    const notice = node("created_membership_requests", { request_method: "invite_link" }, [participantNode(account)]);
    notifyGroup(world, group, account, notice);
    return node("membership_approval_request", { jid: group.jid });
  }
  join(group, account);
  notifyJoin(world, group, account, [account], "invite");
  enter(world, account, group, [account]);
  return node("group", { jid: group.jid });
}

/** Names a group anew. @throws `Refusal`. */
export function changeSubject(world: World, actor: Account, group: Group, subject: string): void {
  if (group.locked) adminOnly(group, actor);
  if (subject === "" || subject.length > 100) throw new Refusal(406, "not-acceptable");
  group.subject = subject;
  group.subjectAt = Number(world.seconds);
  notifyGroup(world, group, actor, node("subject", { subject, s_t: world.seconds, s_o: actor.lidJid }));
  // It bears the name of its community.
  if (group.community) for (const one of announcementsOf(world, group)) changeSubject(world, actor, one, subject);
}

/** An account leaves a group by itself. */
export function leaveGroup(world: World, account: Account, group: Group): void {
  if (isGate(group) && group.members.has(account)) {
    depart(world, account, group, account);
    return;
  }
  if (!group.members.delete(account)) throw new Refusal(404, "item-not-found");
  notifyGroup(world, group, account, node("remove", {}, [participantNode(account)]), [account]);
}

function withoutGroup(change: BinaryNode, account: Account, world: World): BinaryNode[] {
  if (change.tag === "create") {
    const members = children(change, "participant").map(({ attrs }) => world.accountOf(attrs.jid ?? "@"));
    if (members.some((member) => !member)) throw new Refusal(404, "item-not-found");
    const present = members.filter((member) => member !== undefined);
    const ofCommunity = createInCommunity(change, account, present, world);
    return [ofCommunity ?? groupNode(createGroup(world, account, change.attrs.subject ?? "", present))];
  }
  if (change.tag === "invite" && change.attrs.code) return [followInvite(world, account, change.attrs.code)];
  if (change.tag !== "leave") throw new Unsupported(`w:g2 ${change.tag}`);
  const left = children(change, "group").map(({ attrs }) => {
    const group = world.groups.get(attrs.id ?? "");
    if (!group) throw new Refusal(404, "item-not-found");
    leaveGroup(world, account, group);
    return node("group", { id: group.jid });
  });
  return [node("leave", {}, [...left, ...leaveCommunities(change, account, world)])];
}

/** Groups as clients manage them. */
export function changeGroup(
  iq: BinaryNode,
  { world, device }: { world: World; device: Pick<Device, "account"> },
): BinaryNode {
  const [change] = children(iq);
  const { account } = device;
  if (!change) throw new Refusal(400, "bad-request");
  if (iq.attrs.to === "@g.us") return result(iq, withoutGroup(change, account, world));
  const group = world.groups.get(iq.attrs.to ?? "");
  if (!group) throw new Refusal(404, "item-not-found");
  if (!group.members.has(account)) throw new Refusal(403, "forbidden");
  const apply = changes[change.tag];
  if (!apply) throw new Unsupported(`w:g2 ${change.tag}`);
  return result(iq, apply(change, group, account, world));
}
