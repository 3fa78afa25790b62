import * as z from "zod";
import * as group from "../../../../core/command/catalog/group.ts";
import type { CommandName, CommandOutput } from "../../../../core/command/catalog/index.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { AppError } from "../../../../core/error.ts";
import { isGroupJid } from "../../../../core/message/recipient.ts";
import { commandEndpoint } from "../../engine/endpoint.ts";
import { isoDate } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const { text, quoted, mentions } = commandCatalog["message.sendText"].input.shape;
const { url } = commandCatalog["group.setPicture"].input.shape;
const { subject, description, participants, withServer } = group;

const listed = z.object({
  /** JID of the group. */
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
  /** Seconds after which messages disappear; 0 is never. */
  ephemeral: z.int(),
  /** Whether every member may add others. */
  membersAdd: z.boolean(),
  /** Whether an admin must let in who follows the invite link. */
  approval: z.boolean(),
  /** JID of the community that it belongs to. */
  community: z.string().nullable(),
});

export const member = z.object({
  /** JID, by phone number where WhatsApp tells it. */
  id: z.string(),
  lid: z.string().nullable(),
  isAdmin: z.boolean(),
  isSuperAdmin: z.boolean(),
});

export const detailed = listed.extend({ participants: z.array(member) });
const reference = envelope(z.object({ groupId: z.string() }));
const results = envelope(z.object({ groupId: z.string(), results: z.array(group.participantResult) }));
export const invite = envelope(z.object({ groupId: z.string(), inviteCode: z.string(), inviteUrl: z.string() }));

const toListed = ({ size, ...one }: group.GroupSummary): z.input<typeof listed> => ({
  ...one,
  name: one.subject,
  participantsCount: size,
});

export const toMember = ({ role, ...one }: group.GroupDetails["participants"][number]): z.input<typeof member> => ({
  ...one,
  isAdmin: role !== "member",
  isSuperAdmin: role === "superadmin",
});

export const toDetailed = ({ participants, ...one }: group.GroupDetails): z.input<typeof detailed> => ({
  ...toListed(one),
  participants: participants.map(toMember),
});

export const toInvite = (groupId: string, code: string) => ({
  groupId,
  inviteCode: code,
  inviteUrl: `https://chat.whatsapp.com/${code}`,
});

type ToParticipants = Extract<CommandName, `group.${"addParticipants" | "removeParticipants" | "promote" | "demote"}`>;

/** An endpoint that does one thing to several people of a group. */
const participantsEndpoint = (
  method: "post" | "delete",
  name: "participants" | "promote" | "demote",
  command: ToParticipants,
  done: string,
) =>
  commandEndpoint({
    method,
    path: `/api/groups/{instanceId}/{groupId}/${name}`,
    summary: `${commandCatalog[command].summary}; answers for each whether it was done`,
    access: "write",
    command,
    body: z.object({ participants }),
    answer: results,
    in: ({ params, body }) => ({ group: params.groupId, participants: body.participants }),
    out: (result: CommandOutput<ToParticipants>, { params }) =>
      enveloped(
        { groupId: withServer(params.groupId), results: result.participants },
        result.participants.every((one) => one.error === undefined) ? done : "Not done for all participants",
      ),
  });

export const groupEndpoints = [
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}",
    access: "read",
    command: "group.list",
    answer: envelope(z.array(listed)),
    in: () => ({}),
    out: ({ groups }) => enveloped(groups.map(toListed)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}",
    summary: "Make a group; answers for each participant whether it is in it",
    access: "write",
    command: "group.create",
    body: z.object({ name: subject, participants }),
    answer: envelope(detailed.extend({ results: z.array(group.participantResult) })),
    status: 201,
    in: ({ body }) => ({ subject: body.name, participants: body.participants }),
    out: (result) =>
      enveloped({ ...toDetailed(result.group), results: result.participants }, "Group created successfully"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}/accept-invite",
    summary: "Join a group by its invite code or link; where an admin lets in, ask to be let in",
    access: "write",
    command: "group.acceptInvite",
    body: z.object({ inviteCode: group.inviteCode }),
    answer: envelope(
      z.object({
        groupId: z.string(),
        /** Whether an admin must let us in first. */
        pending: z.boolean(),
      }),
    ),
    in: ({ body }) => ({ code: body.inviteCode }),
    out: (result) =>
      enveloped(
        { groupId: result.group, pending: result.pending },
        result.pending ? "Asked to be let in" : "Joined the group",
      ),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}/{groupId}",
    access: "read",
    command: "group.get",
    answer: envelope(detailed),
    in: ({ params }) => ({ group: params.groupId }),
    out: ({ commandId: _command, ...one }) => enveloped(toDetailed(one)),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/groups/{instanceId}/{groupId}/name",
    access: "write",
    command: "group.setSubject",
    body: z.object({ name: subject }),
    answer: reference,
    in: ({ params, body }) => ({ group: params.groupId, subject: body.name }),
    out: (_result, { params }) => enveloped({ groupId: withServer(params.groupId) }, "Group name updated successfully"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/groups/{instanceId}/{groupId}/subject",
    summary: "Name a group anew: the same as its name",
    access: "write",
    command: "group.setSubject",
    body: z.object({ subject }),
    answer: reference,
    in: ({ params, body }) => ({ group: params.groupId, subject: body.subject }),
    out: (_result, { params }) =>
      enveloped({ groupId: withServer(params.groupId) }, "Group subject updated successfully"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/groups/{instanceId}/{groupId}/description",
    access: "write",
    command: "group.setDescription",
    body: z.object({ description }),
    answer: reference,
    in: ({ params, body }) => ({ group: params.groupId, description: body.description }),
    out: (_result, { params }) =>
      enveloped({ groupId: withServer(params.groupId) }, "Group description updated successfully"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}/{groupId}/participants",
    summary: "List the members of a group",
    access: "read",
    command: "group.get",
    answer: envelope(z.array(member)),
    in: ({ params }) => ({ group: params.groupId }),
    out: (one) => enveloped(one.participants.map(toMember)),
  }),
  participantsEndpoint("post", "participants", "group.addParticipants", "Participants added successfully"),
  participantsEndpoint("delete", "participants", "group.removeParticipants", "Participants removed successfully"),
  participantsEndpoint("post", "promote", "group.promote", "Participants promoted successfully"),
  participantsEndpoint("post", "demote", "group.demote", "Participants demoted successfully"),
  commandEndpoint({
    method: "put",
    path: "/api/groups/{instanceId}/{groupId}/settings",
    access: "write",
    command: "group.setSettings",
    body: z.object(group.settings),
    answer: reference,
    in: ({ params, body }) => ({ group: params.groupId, ...body }),
    out: (_result, { params }) =>
      enveloped({ groupId: withServer(params.groupId) }, "Group settings updated successfully"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}/{groupId}/leave",
    access: "write",
    command: "group.leave",
    answer: reference,
    in: ({ params }) => ({ group: params.groupId }),
    out: (_result, { params }) => enveloped({ groupId: withServer(params.groupId) }, "Left the group"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}/{groupId}/invite-code",
    access: "read",
    command: "group.inviteCode",
    answer: invite,
    in: ({ params }) => ({ group: params.groupId }),
    out: ({ code }, { params }) => enveloped(toInvite(withServer(params.groupId), code)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}/{groupId}/revoke-invite",
    access: "write",
    command: "group.revokeInvite",
    answer: invite,
    in: ({ params }) => ({ group: params.groupId }),
    out: ({ code }, { params }) =>
      enveloped(toInvite(withServer(params.groupId), code), "Invite code revoked successfully"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}/{groupId}/join-requests",
    access: "read",
    command: "group.joinRequests",
    answer: envelope(
      z.array(z.object({ id: z.string(), lid: z.string().nullable(), requestedAt: isoDate.nullable() })),
    ),
    in: ({ params }) => ({ group: params.groupId }),
    out: ({ requests }) => enveloped(requests),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}/{groupId}/join-requests",
    summary: `${commandCatalog["group.answerJoinRequests"].summary}; answers for each whether it was done`,
    access: "write",
    command: "group.answerJoinRequests",
    body: z.object({ participants, action: z.enum(group.joinAnswers) }),
    answer: results,
    in: ({ params, body }) => ({ group: params.groupId, ...body }),
    out: (result, { params }) => enveloped({ groupId: withServer(params.groupId), results: result.participants }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/groups/{instanceId}/{groupId}/picture",
    access: "write",
    command: "group.setPicture",
    body: z.object({ image: url.unwrap() }),
    answer: reference,
    in: ({ params, body }) => ({ group: params.groupId, url: body.image }),
    out: (_result, { params }) => enveloped({ groupId: withServer(params.groupId) }, "Group picture updated"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/groups/{instanceId}/{groupId}/picture",
    access: "write",
    command: "group.removePicture",
    answer: reference,
    in: ({ params }) => ({ group: params.groupId }),
    out: (_result, { params }) => enveloped({ groupId: withServer(params.groupId) }, "Group picture removed"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}/{groupId}/message",
    summary: "Send a text to a group",
    access: "write",
    command: "message.sendText",
    body: z.object({ message: text, quotedMessageId: quoted, mentions }),
    answer: envelope(
      z.object({
        /** WhatsApp's message id: the same that webhooks and the history carry. */
        messageId: z.string(),
        instanceId: z.string(),
        /** JID of the group. */
        to: z.string(),
      }),
    ),
    // A wrong groupId must not reach the person who has that number.
    check: async (_context, { to }) => {
      if (!isGroupJid(to)) throw new AppError("invalid_request", "groupId: must be the id of a WhatsApp group");
    },
    in: ({ params, body }) => ({
      to: withServer(params.groupId),
      text: body.message,
      quoted: body.quotedMessageId,
      mentions: body.mentions,
    }),
    out: ({ messageId }, { params }) =>
      enveloped({ messageId, instanceId: params.instanceId, to: withServer(params.groupId) }, "Message accepted"),
  }),
];
