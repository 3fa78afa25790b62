import type { GroupMetadata, GroupParticipant, WASocket } from "@whiskeysockets/baileys";
import type { GroupDetails, GroupSummary, ParticipantResult } from "../../core/command/catalog/group.ts";
import type { CommandInput, CommandName, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { plainJid } from "../baileys/address/jids.ts";
import { numbersOnWhatsApp } from "../baileys/address/usync.ts";
import { lookedUp } from "../baileys/look-up.ts";
import { answerOf, onlyOnce } from "./answer.ts";
import { resolveRecipient } from "./message.ts";
import { readPicture, uploadPicture } from "./profile.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

type Answer<Name extends CommandName> = Promise<CommandOutput<Name>>;

export async function list({ sock }: ConnectedContext): Answer<"group.list"> {
  const groups = Object.values(await answerOf(sock.groupFetchAllParticipating()));
  // A community itself is not a chat. `community.list` returns it.
  return { groups: groups.filter((group) => !group.isCommunity).map(toSummary) };
}

export async function get({ sock }: ConnectedContext, input: CommandInput<"group.get">): Answer<"group.get"> {
  return toGroup(await answerOf(sock.groupMetadata(input.group)));
}

export async function create(
  { sock }: MutationContext,
  { subject, participants }: CommandInput<"group.create">,
): Answer<"group.create"> {
  return await createGroupWith(sock, participants, (others, meanings) =>
    onlyOnce(sock.groupCreate(subject, others), meanings),
  );
}

/** Creates a group with those participants who are on WhatsApp. `createWith` receives the errors for refusal codes. */
export async function createGroupWith(
  sock: WASocket,
  participants: readonly string[],
  createWith: (others: string[], meanings: Record<number, AppError>) => Promise<GroupMetadata>,
): Answer<"group.create"> {
  const jids = await resolveAll(sock, participants);
  const me = [sock.user?.id, sock.user?.lid].map((jid) => plainJid(jid));
  const others = [...new Set(jids.values())].filter((jid) => jid !== null).filter((jid) => !me.includes(jid));
  if (others.length === 0) throw new AppError("recipient_not_on_whatsapp", "none of the participants is on WhatsApp");
  const absent = new AppError("recipient_not_on_whatsapp", "WhatsApp does not know one of the participants");
  const created = await createWith(others, { 400: absent, 404: absent });
  // The answer lists everyone who was requested. The metadata lists only those whose privacy settings allow it.
  const group = await lookedUp("the group", sock.groupMetadata(created.id)).catch(() => created);
  const results = participants.map((id): ParticipantResult => {
    const jid = jids.get(id);
    if (!jid) return { id, status: 404, error: "not_on_whatsapp" };
    const member = group.participants.some((participant) => hasJid(participant, [id, jid]));
    return member ? { id, status: 200 } : { id, status: 403, error: "not_allowed" };
  });
  return { group: toGroup(group), participants: results };
}

export async function setSubject(
  { sock }: MutationContext,
  { group, subject }: CommandInput<"group.setSubject">,
): Answer<"group.setSubject"> {
  await answerOf(sock.groupUpdateSubject(group, subject));
  return {};
}

export async function setDescription(
  { sock }: MutationContext,
  { group, description }: CommandInput<"group.setDescription">,
): Answer<"group.setDescription"> {
  const set = () => {
    const conflict = new AppError("conflict", "someone else is changing the description");
    return answerOf(sock.groupUpdateDescription(group, description), { 409: conflict });
  };
  await set().catch((error: unknown) => {
    // The request names the description that it replaces, which may have changed in the meantime. One retry uses the
    // new description.
    if (error instanceof AppError && error.code === "conflict") return set();
    throw error;
  });
  return {};
}

export async function addParticipants(
  { sock }: MutationContext,
  { group, participants }: CommandInput<"group.addParticipants">,
): Answer<"group.addParticipants"> {
  const jids = await resolveAll(sock, participants);
  return { participants: await changeParticipants(sock, "add", group, participants, (id) => jids.get(id) ?? null) };
}

export const removeParticipants = memberAction("remove");
export const promote = memberAction("promote");
export const demote = memberAction("demote");

export async function setSettings(
  { sock }: MutationContext,
  { group, announcement, locked, ephemeral, membersAdd, approval }: CommandInput<"group.setSettings">,
): Answer<"group.setSettings"> {
  if (announcement !== undefined) {
    await answerOf(sock.groupSettingUpdate(group, announcement ? "announcement" : "not_announcement"));
  }
  if (locked !== undefined) await answerOf(sock.groupSettingUpdate(group, locked ? "locked" : "unlocked"));
  if (ephemeral !== undefined) await answerOf(sock.groupToggleEphemeral(group, ephemeral));
  if (membersAdd !== undefined) {
    await answerOf(sock.groupMemberAddMode(group, membersAdd ? "all_member_add" : "admin_add"));
  }
  if (approval !== undefined) await answerOf(sock.groupJoinApprovalMode(group, approval ? "on" : "off"));
  return {};
}

export async function leave({ sock }: MutationContext, { group }: CommandInput<"group.leave">): Answer<"group.leave"> {
  // WhatsApp acknowledges a leave even if the account is not in the group. This lookup throws for such a group.
  await answerOf(sock.groupMetadata(group));
  await onlyOnce(sock.groupLeave(group));
  return {};
}

export async function getInviteCode(
  { sock }: ConnectedContext,
  { group }: CommandInput<"group.inviteCode">,
): Answer<"group.inviteCode"> {
  return { code: codeOf(await answerOf(sock.groupInviteCode(group))) };
}

export async function revokeInvite(
  { sock }: MutationContext,
  { group }: CommandInput<"group.revokeInvite">,
): Answer<"group.revokeInvite"> {
  return { code: codeOf(await answerOf(sock.groupRevokeInvite(group))) };
}

export async function acceptInvite(
  { sock }: MutationContext,
  { code }: CommandInput<"group.acceptInvite">,
): Answer<"group.acceptInvite"> {
  const unknown = new AppError("invite_not_found");
  const meanings = { 400: unknown, 404: unknown, 406: unknown, 410: unknown };
  const readGroupId = async () => (await answerOf(sock.groupGetInviteInfo(code), meanings)).id;
  const alreadyMember = new AppError("conflict");
  try {
    const group = await answerOf(sock.groupAcceptInvite(code), { ...meanings, 409: alreadyMember });
    // If an admin must approve, WhatsApp answers that the request is pending, and Baileys returns undefined.
    return group ? { group, pending: false } : { group: await readGroupId(), pending: true };
  } catch (error) {
    if (error === alreadyMember) return { group: await readGroupId(), pending: false };
    throw error;
  }
}

export async function joinRequests(
  { sock }: ConnectedContext,
  { group }: CommandInput<"group.joinRequests">,
): Answer<"group.joinRequests"> {
  const requests = await answerOf(sock.groupRequestParticipantsList(group));
  return { requests: requests.map(toRequest) };
}

export async function answerJoinRequests(
  { sock }: MutationContext,
  { group, participants, action }: CommandInput<"group.answerJoinRequests">,
): Answer<"group.answerJoinRequests"> {
  const requests = await answerOf(sock.groupRequestParticipantsList(group));
  const jidOf = (id: string) =>
    requests.find(({ jid, phone_number }) =>
      [jid, phone_number].some((spelling) => spelling && plainJid(spelling) === id),
    )?.jid;
  const jids = [...new Set(participants.map(jidOf))].filter((jid) => jid !== undefined);
  const answers = jids.length > 0 ? await answerOf(sock.groupRequestParticipantsUpdate(group, jids, action)) : [];
  const results = participants.map((id): ParticipantResult => {
    const jid = jidOf(id);
    const status = jid === undefined ? 404 : Number(answers.find((answer) => answer.jid === jid)?.status ?? 500);
    if (status === 200) return { id, status };
    return { id, status, error: status === 404 ? "not_asking" : "refused" };
  });
  return { participants: results };
}

export async function setPicture(
  context: MutationContext,
  { group, ...source }: CommandInput<"group.setPicture">,
): Answer<"group.setPicture"> {
  await answerOf(uploadPicture(context.sock, await readPicture(context, source), group));
  return {};
}

export async function removePicture(
  { sock }: MutationContext,
  { group }: CommandInput<"group.removePicture">,
): Answer<"group.removePicture"> {
  await answerOf(sock.removeProfilePicture(group));
  return {};
}

type Action = "add" | "remove" | "promote" | "demote";

/** Returns the executor of an action on members of a group. */
function memberAction(action: Exclude<Action, "add">) {
  return async (
    { sock }: MutationContext,
    { group, participants }: CommandInput<"group.removeParticipants">,
  ): Answer<"group.removeParticipants"> => {
    const { participants: members, isCommunity } = await answerOf(sock.groupMetadata(group));
    const find = (spellings: string[]) => members.find((member) => hasJid(member, spellings))?.id;
    const unmatched = participants.filter((id) => !find([id]));
    // The caller's spelling of a number may differ from WhatsApp's.
    const jids = unmatched.length > 0 ? await resolveAll(sock, unmatched) : new Map<string, string | null>();
    return {
      participants: await changeParticipants(
        sock,
        action,
        group,
        participants,
        (id) => find([id, jids.get(id) ?? id]) ?? null,
        {
          // Removal from a community removes the member from its groups, too.
          update: isCommunity ? sock.communityParticipantsUpdate : sock.groupParticipantsUpdate,
        },
      ),
    };
  };
}

/** Changes all participants in one request. A participant for whom `jidOf` returns null fails with 404. */
async function changeParticipants(
  sock: WASocket,
  action: Action,
  group: string,
  participants: readonly string[],
  jidOf: (id: string) => string | null,
  { update } = { update: sock.groupParticipantsUpdate },
): Promise<ParticipantResult[]> {
  const jids = [...new Set(participants.map(jidOf))].filter((jid) => jid !== null);
  const answers = jids.length > 0 ? await answerOf(update(group, jids, action)) : [];
  return participants.map((id) => {
    const jid = jidOf(id);
    if (jid === null) return { id, ...resultOf(action, 404) };
    const own = answers.find(({ jid: answered, content: { attrs } }) =>
      [answered, attrs.phone_number, attrs.lid].some((spelling) => spelling && plainJid(spelling) === jid),
    );
    // WhatsApp may answer with other JIDs than the requested ones, but in the same order.
    const answer = own ?? (answers.length === jids.length ? answers[jids.indexOf(jid)] : undefined);
    return { id, ...resultOf(action, Number(answer?.status ?? 500)) };
  });
}

function resultOf(action: Action, status: number): Omit<ParticipantResult, "id"> {
  if (status === 200) return { status };
  if (status === 404) return { status, error: action === "add" ? "not_on_whatsapp" : "not_a_member" };
  if (status === 401 || status === 403 || status === 406) return { status, error: "not_allowed" };
  if (action === "add" && status === 408) return { status, error: "left_recently" };
  if (action === "add" && status === 409) return { status, error: "already_a_member" };
  if (action === "add" && status === 419) return { status, error: "group_full" };
  return { status, error: "refused" };
}

/** Maximum number of phone numbers in one lookup. */
const numbersPerRequest = 50;

/** Returns WhatsApp's own JID of each participant, or null for a number that is not on WhatsApp. */
async function resolveAll(sock: WASocket, ids: readonly string[]): Promise<Map<string, string | null>> {
  const jids = new Map<string, string | null>();
  const unknown: string[] = [];
  for (const id of new Set(ids)) {
    if (id.endsWith("@lid") || (await sock.signalRepository.lidMapping.getLIDForPN(id))) jids.set(id, id);
    else unknown.push(id);
  }
  for (let at = 0; at < unknown.length; at += numbersPerRequest) {
    const page = unknown.slice(at, at + numbersPerRequest);
    const answers = await answerOf(numbersOnWhatsApp(sock, page));
    const known = new Map(answers.map(({ jid, exists }) => [plainJid(jid), exists]));
    for (const id of page) {
      const exists = known.get(id);
      // WhatsApp answered with another spelling. A lookup of this number alone shows which answer belongs to it.
      if (exists === undefined) jids.set(id, await resolveOne(sock, id));
      else jids.set(id, exists ? id : null);
    }
  }
  return jids;
}

async function resolveOne(sock: WASocket, id: string): Promise<string | null> {
  try {
    return plainJid(await resolveRecipient(sock, id));
  } catch (error) {
    if (error instanceof AppError && error.code === "recipient_not_on_whatsapp") return null;
    throw error;
  }
}

/** Returns whether one of these JIDs belongs to the participant. */
const hasJid = ({ id, phoneNumber, lid }: GroupParticipant, jids: readonly string[]) =>
  [id, phoneNumber, lid].some((jid) => jid && jids.includes(plainJid(jid)));

/** Returns an invite code. Throws `whatsapp_error` if WhatsApp returned no code. */
function codeOf(code: string | undefined): string {
  if (code === undefined) throw new AppError("whatsapp_error", "WhatsApp returned no invite code");
  return code;
}

function toRequest(attrs: Record<string, string | undefined>) {
  const { jid = "", phone_number: number, request_time: seconds } = attrs;
  return {
    id: number ?? jid,
    lid: jid.endsWith("@lid") ? jid : null,
    requestedAt: seconds ? new Date(Number(seconds) * 1000).toISOString() : null,
  };
}

function toSummary(group: GroupMetadata): GroupSummary {
  return {
    id: group.id,
    subject: group.subject,
    description: group.desc ?? null,
    owner: group.ownerPn ?? group.owner ?? null,
    createdAt: group.creation ? new Date(group.creation * 1000).toISOString() : null,
    size: group.size ?? group.participants.length,
    announcement: group.announce ?? false,
    locked: group.restrict ?? false,
    ephemeral: group.ephemeralDuration ?? 0,
    membersAdd: group.memberAddMode ?? false,
    approval: group.joinApprovalMode ?? false,
    community: group.linkedParent ?? null,
  };
}

export function toGroup(group: GroupMetadata): GroupDetails {
  const participants = group.participants.map((participant) => {
    const lid = participant.lid ?? (participant.id.endsWith("@lid") ? participant.id : null);
    return { id: participant.phoneNumber ?? participant.id, lid, role: participant.admin ?? ("member" as const) };
  });
  return { ...toSummary(group), participants };
}
