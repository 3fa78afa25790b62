import * as z from "zod";
import * as group from "../../../../core/command/catalog/group.ts";
import { type CommandName, type CommandOutput, commandCatalog } from "../../../../core/command/catalog/index.ts";
import { AppError } from "../../../../core/error.ts";
import { isGroupJid } from "../../../../core/message/recipient.ts";
import { defined } from "../../../../core/object.ts";
import { singleSendOptions } from "../../../../core/restriction/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { isoDate, sendAt } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";
import {
  confirm,
  groupDetails,
  invite,
  listedGroup,
  member,
  participantResults,
  reference,
  toGroupDetails,
  toInvite,
  toListedGroup,
  toMember,
} from "./group-shapes.ts";

const { text, quoted, mentions, mentionAll, linkPreview } = commandCatalog["message.sendText"].input.shape;
const { url } = commandCatalog["group.setPicture"].input.shape;
const picture = commandCatalog["contact.picture"];
const { subject, description, participants, withServer } = group;

type ParticipantsCommand = Extract<
  CommandName,
  `group.${"addParticipants" | "removeParticipants" | "promote" | "demote"}`
>;

/** Returns an endpoint that applies a command to several participants of a group. */
const participantsEndpoint = (
  method: "post" | "delete",
  name: "participants" | "promote" | "demote",
  command: ParticipantsCommand,
  confirmation: string,
) =>
  commandEndpoint({
    method,
    path: `/api/groups/{instanceId}/{groupId}/${name}`,
    description: "The response has the result for each participant.",
    access: "write",
    command,
    body: z.object({ participants }),
    response: participantResults,
    toInput: ({ params, body }) => ({ group: params.groupId, participants: body.participants }),
    toResponse: (result: CommandOutput<ParticipantsCommand>, { params }) =>
      enveloped(
        { groupId: withServer(params.groupId), results: result.participants },
        result.participants.every(({ error }) => error === undefined) ? confirmation : "Not done for all participants",
      ),
  });

export const groupEndpoints = [
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}",
    access: "read",
    command: "group.list",
    response: envelope(z.array(listedGroup)),
    toInput: () => ({}),
    toResponse: ({ groups }) => enveloped(groups.map(toListedGroup)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}",
    description: "The response says for each participant whether they were added.",
    access: "write",
    command: "group.create",
    body: z.object({ name: subject, participants }),
    response: envelope(groupDetails.extend({ results: z.array(group.participantResult) })),
    status: 201,
    toInput: ({ body }) => ({ subject: body.name, participants: body.participants }),
    toResponse: (result) =>
      enveloped({ ...toGroupDetails(result.group), results: result.participants }, "Group created successfully"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}/accept-invite",
    summary: "Join a group by its invite code or link",
    description: "If the group requires approval, this sends a request to join.",
    access: "write",
    command: "group.acceptInvite",
    body: z.object({ inviteCode: group.inviteCode }),
    response: envelope(
      z.object({
        groupId: z.string(),
        /** Whether an admin must approve the request first. */
        pending: z.boolean(),
      }),
    ),
    toInput: ({ body }) => ({ code: body.inviteCode }),
    toResponse: (result) =>
      enveloped(
        { groupId: result.group, pending: result.pending },
        result.pending ? "Request to join sent" : "Joined the group",
      ),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}/{groupId}",
    access: "read",
    command: "group.get",
    response: envelope(groupDetails),
    toInput: ({ params }) => ({ group: params.groupId }),
    toResponse: ({ commandId: _command, ...details }) => enveloped(toGroupDetails(details)),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/groups/{instanceId}/{groupId}/name",
    access: "write",
    command: "group.setSubject",
    body: z.object({ name: subject }),
    response: reference,
    toInput: ({ params, body }) => ({ group: params.groupId, subject: body.name }),
    toResponse: confirm("Group name updated successfully"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/groups/{instanceId}/{groupId}/subject",
    access: "write",
    command: "group.setSubject",
    body: z.object({ subject }),
    response: reference,
    toInput: ({ params, body }) => ({ group: params.groupId, subject: body.subject }),
    toResponse: confirm("Group subject updated successfully"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/groups/{instanceId}/{groupId}/description",
    access: "write",
    command: "group.setDescription",
    body: z.object({ description }),
    response: reference,
    toInput: ({ params, body }) => ({ group: params.groupId, description: body.description }),
    toResponse: confirm("Group description updated successfully"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}/{groupId}/participants",
    summary: "List the members of a group",
    access: "read",
    command: "group.get",
    response: envelope(z.array(member)),
    toInput: ({ params }) => ({ group: params.groupId }),
    toResponse: (details) => enveloped(details.participants.map(toMember)),
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
    response: reference,
    toInput: ({ params, body }) => ({ group: params.groupId, ...body }),
    toResponse: confirm("Group settings updated successfully"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}/{groupId}/leave",
    access: "write",
    command: "group.leave",
    response: reference,
    toInput: ({ params }) => ({ group: params.groupId }),
    toResponse: confirm("Left the group"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}/{groupId}/invite-code",
    access: "read",
    command: "group.inviteCode",
    response: invite,
    toInput: ({ params }) => ({ group: params.groupId }),
    toResponse: ({ code }, { params }) => enveloped(toInvite(withServer(params.groupId), code)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}/{groupId}/revoke-invite",
    access: "write",
    command: "group.revokeInvite",
    response: invite,
    toInput: ({ params }) => ({ group: params.groupId }),
    toResponse: ({ code }, { params }) =>
      enveloped(toInvite(withServer(params.groupId), code), "Invite code revoked successfully"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}/{groupId}/join-requests",
    access: "read",
    command: "group.joinRequests",
    response: envelope(
      z.array(z.object({ id: z.string(), lid: z.string().nullable(), requestedAt: isoDate.nullable() })),
    ),
    toInput: ({ params }) => ({ group: params.groupId }),
    toResponse: ({ requests }) => enveloped(requests),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}/{groupId}/join-requests",
    description: "The response has the result for each participant.",
    access: "write",
    command: "group.answerJoinRequests",
    body: z.object({ participants, action: z.enum(group.joinAnswers) }),
    response: participantResults,
    toInput: ({ params, body }) => ({ group: params.groupId, ...body }),
    toResponse: (result, { params }) =>
      enveloped({ groupId: withServer(params.groupId), results: result.participants }),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/groups/{instanceId}/{groupId}/picture",
    summary: "Get the URL of a group's picture",
    access: "read",
    command: "contact.picture",
    query: z.object({ size: picture.input.shape.size }),
    response: envelope(z.object({ groupId: z.string(), pictureUrl: picture.output.shape.pictureUrl })),
    toInput: ({ params, query }) => ({ who: withServer(params.groupId), size: query.size }),
    toResponse: ({ jid, pictureUrl }) => enveloped({ groupId: jid, pictureUrl }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/groups/{instanceId}/{groupId}/picture",
    access: "write",
    command: "group.setPicture",
    body: z.object({ image: url.unwrap() }),
    response: reference,
    toInput: ({ params, body }) => ({ group: params.groupId, url: body.image }),
    toResponse: confirm("Group picture updated"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/groups/{instanceId}/{groupId}/picture",
    access: "write",
    command: "group.removePicture",
    response: reference,
    toInput: ({ params }) => ({ group: params.groupId }),
    toResponse: confirm("Group picture removed"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/groups/{instanceId}/{groupId}/message",
    summary: "Send a text message to a group",
    access: "write",
    command: "message.sendText",
    body: z.object({
      message: text,
      quotedMessageId: quoted,
      mentions,
      mentionAll,
      linkPreview,
      sendAt,
      ...singleSendOptions,
    }),
    sendAt: ({ body }) => body.sendAt,
    response: envelope(
      z.object({
        /** The WhatsApp message id, as in webhooks and the history. */
        messageId: z.string(),
        instanceId: z.string(),
        /** The JID of the group. */
        to: z.string(),
        /** Only for a scheduled send. */
        scheduledAt: isoDate.optional(),
      }),
    ),
    // Without this check, a phone number as groupId would send the text to a person.
    check: async (_context, { to }) => {
      if (!isGroupJid(to)) throw new AppError("invalid_request", "groupId: must be the id of a WhatsApp group");
    },
    toInput: ({ params, body }) => ({
      to: withServer(params.groupId),
      text: body.message,
      quoted: body.quotedMessageId,
      linkPreview: body.linkPreview,
      mentions: body.mentions,
      mentionAll: body.mentionAll,
    }),
    toResponse: ({ messageId, scheduledAt }, { params }) => {
      const sent = { messageId, instanceId: params.instanceId, to: withServer(params.groupId) };
      return enveloped({ ...sent, ...defined({ scheduledAt }) }, "Message accepted");
    },
  }),
];
