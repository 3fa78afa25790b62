import * as z from "zod";
import {
  type GroupDetails,
  type GroupSummary,
  participantResult,
  withServer,
} from "../../../../core/command/catalog/group.ts";
import { isoDate } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

export const listedGroup = z.object({
  /** The JID of the group. */
  id: z.string(),
  /** The same as `subject`. */
  name: z.string(),
  subject: z.string(),
  description: z.string().nullable(),
  owner: z.string().nullable(),
  createdAt: isoDate.nullable(),
  participantsCount: z.int(),
  announcement: z.boolean(),
  locked: z.boolean(),
  /** Seconds after which messages disappear; 0 means never. */
  ephemeral: z.int(),
  /** Whether all members can add people. */
  membersAdd: z.boolean(),
  /** Whether an admin must approve people who join by the invite link. */
  approval: z.boolean(),
  /** The JID of the group's community. */
  community: z.string().nullable(),
});

export const member = z.object({
  /** The JID: with the phone number if WhatsApp reports it, otherwise the LID. */
  id: z.string(),
  lid: z.string().nullable(),
  isAdmin: z.boolean(),
  isSuperAdmin: z.boolean(),
});

export const groupDetails = listedGroup.extend({ participants: z.array(member) });
export const reference = envelope(z.object({ groupId: z.string() }));
export const participantResults = envelope(z.object({ groupId: z.string(), results: z.array(participantResult) }));
export const invite = envelope(z.object({ groupId: z.string(), inviteCode: z.string(), inviteUrl: z.string() }));

export const toListedGroup = ({ size, ...summary }: GroupSummary): z.input<typeof listedGroup> => ({
  ...summary,
  name: summary.subject,
  participantsCount: size,
});

export const toMember = ({ role, ...rest }: GroupDetails["participants"][number]): z.input<typeof member> => ({
  ...rest,
  isAdmin: role !== "member",
  isSuperAdmin: role === "superadmin",
});

export const toGroupDetails = ({ participants, ...summary }: GroupDetails): z.input<typeof groupDetails> => ({
  ...toListedGroup(summary),
  participants: participants.map(toMember),
});

export const toInvite = (groupId: string, code: string) => ({
  groupId,
  inviteCode: code,
  inviteUrl: `https://chat.whatsapp.com/${code}`,
});

/** Returns a `toResponse` function for a response with the id of the group and a message. */
export const confirm =
  (message: string) =>
  (_result: unknown, { params }: { params: { groupId: string } }) =>
    enveloped({ groupId: withServer(params.groupId) }, message);
