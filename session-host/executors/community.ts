import {
  type BinaryNode,
  type GroupMetadata,
  generateMessageIDV2,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  type WASocket,
} from "@whiskeysockets/baileys";
import type { CommunityDetails, CommunitySummary, LinkedGroup } from "../../core/command/catalog/community.ts";
import type { CommandInput, CommandName, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { plainJid } from "../baileys/address/jids.ts";
import { lookedUp } from "../baileys/look-up.ts";
import { answerOf, onlyOnce, refusalOf } from "./answer.ts";
import { createGroupWith, toGroup } from "./group.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

type Answer<Name extends CommandName> = Promise<CommandOutput<Name>>;

/**
 * Sends a group request and returns the answer. The stanzas are those of Baileys' `communities.js` (7.0.0-rc14). The
 * functions of that file are not called, because they expect answers in a form that groups don't have, log whole
 * answers, ignore refusals for a single group, and return nothing for a community that they created but cannot read.
 */
const groupRequest = (sock: WASocket, to: string, type: "get" | "set", content: BinaryNode): Promise<BinaryNode> =>
  sock.query({ tag: "iq", attrs: { to, type, xmlns: "w:g2" }, content: [content] });

const element = (tag: string, attrs: Record<string, string> = {}, content?: BinaryNode[] | Buffer): BinaryNode =>
  content === undefined ? { tag, attrs } : { tag, attrs, content };

export async function list({ sock }: ConnectedContext): Answer<"community.list"> {
  const groups = Object.values(await answerOf(sock.groupFetchAllParticipating()));
  return { communities: groups.filter((group) => group.isCommunity).map(toSummary) };
}

export async function get({ sock }: ConnectedContext, input: CommandInput<"community.get">): Answer<"community.get"> {
  const community = await communityOf(sock, input.community);
  return toCommunity(community, await groupsOf(sock, community.id));
}

export async function create(
  { sock }: MutationContext,
  { subject, description }: CommandInput<"community.create">,
): Answer<"community.create"> {
  const body = description && [element("body", {}, Buffer.from(description))];
  const answer = await onlyOnce(
    groupRequest(
      sock,
      "@g.us",
      "set",
      element("create", { subject }, [
        ...(body ? [element("description", { id: generateMessageIDV2().slice(0, 12) }, body)] : []),
        element("parent", { default_membership_approval_mode: "request_required" }),
        element("allow_non_admin_sub_group_creation"),
        element("create_general_chat"),
      ]),
    ),
  );
  const created = metadataOf(answer, subject);
  // The community exists now, so a failed lookup must not fail the command. `community.get` returns the groups later.
  const [metadata, groups] = await Promise.all([
    lookedUp("the community", sock.groupMetadata(created.id)).catch(() => created),
    groupsOf(sock, created.id).catch(() => []),
  ]);
  return toCommunity(metadata, groups);
}

export async function createGroup(
  { sock }: MutationContext,
  { community, subject, participants }: CommandInput<"community.createGroup">,
): Answer<"community.createGroup"> {
  await communityOf(sock, community);
  return await createGroupWith(sock, participants, async (others, meanings) => {
    const people = others.map((jid) => element("participant", { jid }));
    const parent = element("linked_parent", { jid: community });
    const create = element("create", { subject, key: generateMessageIDV2() }, [...people, parent]);
    return metadataOf(await onlyOnce(groupRequest(sock, "@g.us", "set", create), meanings), subject);
  });
}

export async function linkGroup(
  { sock }: MutationContext,
  { community, group }: CommandInput<"community.linkGroup">,
): Answer<"community.linkGroup"> {
  await communityOf(sock, community);
  const link = element("link", { link_type: "sub_group" }, [element("group", { jid: group })]);
  const answer = await answerOf(groupRequest(sock, community, "set", element("links", {}, [link])));
  const refused = refusalIn(getBinaryNodeChild(getBinaryNodeChild(answer, "links"), "link"));
  if (refused === undefined) return {};
  if (refused === 409) {
    const { linkedParent } = await answerOf(sock.groupMetadata(group));
    if (linkedParent === community) return {};
    throw new AppError("conflict", "the group already belongs to a community");
  }
  throw refusalError(refused);
}

export async function unlinkGroup(
  { sock }: MutationContext,
  { community, group }: CommandInput<"community.unlinkGroup">,
): Answer<"community.unlinkGroup"> {
  await communityOf(sock, community);
  const unlink = element("unlink", { unlink_type: "sub_group" }, [element("group", { jid: group })]);
  const answer = await onlyOnce(groupRequest(sock, community, "set", unlink));
  const refused = refusalIn(getBinaryNodeChild(answer, "unlink"));
  if (refused === undefined) return {};
  if (refused === 404) throw new AppError("group_not_found", "the community has no such group");
  if (refused === 406) throw new AppError("conflict", "this group cannot be unlinked from its community");
  throw refusalError(refused);
}

/**
 * The codes with which WhatsApp refuses to show a community to those who are not in it. Source: `getGroupInfo` in
 * whatsmeow's group.go for 403 and 404.
 */
const outsiderCodes: ReadonlySet<number | undefined> = new Set([401, 403, 404]);

export async function leave(
  { sock }: MutationContext,
  { community }: CommandInput<"community.leave">,
): Answer<"community.leave"> {
  await communityOf(sock, community);
  await onlyOnce(sock.communityLeave(community));
  // The answer is empty, so check whether the account has left.
  const left = await lookedUp("the community", sock.groupMetadata(community)).then(
    ({ participants }) => !participants.some(({ id, phoneNumber }) => isMe(sock, id) || isMe(sock, phoneNumber)),
    (error: unknown) => {
      if (outsiderCodes.has(refusalOf(error))) return true;
      const details = "WhatsApp did not tell whether the account has left the community";
      throw new AppError("outcome_unknown", details, { cause: error });
    },
  );
  if (!left) throw new AppError("whatsapp_error", "WhatsApp did not let the account leave the community");
  return {};
}

/** Returns a community. Throws `group_not_found` for a group that is not a community, and what `answerOf` throws. */
async function communityOf(sock: WASocket, jid: string): Promise<GroupMetadata> {
  const metadata = await answerOf(sock.groupMetadata(jid));
  if (metadata.isCommunity) return metadata;
  throw new AppError("group_not_found", "this is a group, not a community");
}

/** Returns the groups of a community. */
async function groupsOf(sock: WASocket, community: string): Promise<LinkedGroup[]> {
  const answer = await answerOf(groupRequest(sock, community, "get", element("sub_groups")));
  return getBinaryNodeChildren(getBinaryNodeChild(answer, "sub_groups"), "group").map((group) => ({
    id: jidOf(group),
    subject: group.attrs.subject ?? "",
    size: group.attrs.size === undefined ? null : Number(group.attrs.size),
    announcements: getBinaryNodeChild(group, "default_sub_group") !== undefined,
  }));
}

const jidOf = ({ attrs }: BinaryNode) => attrs.jid ?? `${attrs.id?.split("@")[0]}@g.us`;

/**
 * Returns the new group or community from the answer to `create`. Used if the new group can't be looked up afterwards.
 */
function metadataOf(answer: BinaryNode, subject: string): GroupMetadata {
  const group = getBinaryNodeChild(answer, "group");
  if (!group?.attrs.id) throw new AppError("outcome_unknown", "WhatsApp's answer does not name the new group");
  const participants = getBinaryNodeChildren(group, "participant").map(({ attrs }) => ({
    id: attrs.jid ?? "",
    ...(attrs.phone_number ? { phoneNumber: attrs.phone_number } : {}),
  }));
  return { id: jidOf({ ...group, attrs: { id: group.attrs.id } }), subject, owner: undefined, participants };
}

/** Returns the code with which WhatsApp refused a single group, or undefined if WhatsApp accepted the group. */
function refusalIn(list: BinaryNode | undefined): number | undefined {
  const error = getBinaryNodeChild(list, "group")?.attrs.error;
  return error === undefined ? undefined : Number(error);
}

/** Returns the error for a refusal of a single group. */
function refusalError(code: number): AppError {
  if (code === 404) return new AppError("group_not_found");
  if (code === 401 || code === 403) return new AppError("forbidden", "the account must be an admin of the group, too");
  return new AppError("whatsapp_error", `WhatsApp refused the group (${code})`);
}

const isMe = (sock: WASocket, jid: string | undefined) =>
  jid !== undefined && [sock.user?.id, sock.user?.lid].some((own) => own && plainJid(own) === jid);

function toSummary(metadata: GroupMetadata): CommunitySummary {
  const { id, subject, description, owner, createdAt, size } = toGroup(metadata);
  return { id, subject, description, owner, createdAt, size };
}

const toCommunity = (metadata: GroupMetadata, groups: LinkedGroup[]): CommunityDetails => ({
  ...toSummary(metadata),
  participants: toGroup(metadata).participants,
  groups,
});
