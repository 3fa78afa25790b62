import * as z from "zod";
import type * as community from "../../../../core/command/catalog/community.ts";
import * as group from "../../../../core/command/catalog/group.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { isoDate } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";
import { groupDetails, invite, member, toGroupDetails, toInvite, toMember } from "./group-shapes.ts";

const { subject, description, participants, groupId, withServer } = group;

const listedCommunity = z.object({
  /** The JID of the community. */
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  owner: z.string().nullable(),
  createdAt: isoDate.nullable(),
  participantsCount: z.int(),
});
const communityDetails = listedCommunity.extend({
  participants: z.array(member),
  groups: z.array(
    z.object({
      /** The JID of the group. */
      id: z.string(),
      name: z.string(),
      participantsCount: z.int().nullable(),
      /** Whether this is the community's announcement group. */
      announcements: z.boolean(),
    }),
  ),
});
const reference = envelope(z.object({ communityId: z.string() }));
/** Returns a `toResponse` function for a response with the id of the community and a message. */
const confirm =
  (message: string) =>
  (_result: unknown, { params }: { params: { communityId: string } }) =>
    enveloped({ communityId: withServer(params.communityId) }, message);
const groupLink = envelope(z.object({ communityId: z.string(), groupId: z.string() }));

const toListedCommunity = (summary: community.CommunitySummary): z.input<typeof listedCommunity> => ({
  id: summary.id,
  name: summary.subject,
  description: summary.description,
  owner: summary.owner,
  createdAt: summary.createdAt,
  participantsCount: summary.size,
});

const toCommunityDetails = (details: community.CommunityDetails): z.input<typeof communityDetails> => ({
  ...toListedCommunity(details),
  participants: details.participants.map(toMember),
  groups: details.groups.map(({ subject: name, size, ...rest }) => ({ ...rest, name, participantsCount: size })),
});

const linkEndpoint = (
  method: "put" | "delete",
  command: "community.linkGroup" | "community.unlinkGroup",
  confirmation: string,
) =>
  commandEndpoint({
    method,
    path: "/api/communities/{instanceId}/{communityId}/groups",
    access: "write",
    command,
    body: z.object({ groupId }),
    response: groupLink,
    toInput: ({ params, body }) => ({ community: params.communityId, group: body.groupId }),
    toResponse: (_result, { params, body }) =>
      enveloped({ communityId: withServer(params.communityId), groupId: body.groupId }, confirmation),
  });

export const communityEndpoints = [
  commandEndpoint({
    method: "get",
    path: "/api/communities/{instanceId}",
    access: "read",
    command: "community.list",
    response: envelope(z.array(listedCommunity)),
    toInput: () => ({}),
    toResponse: ({ communities }) => enveloped(communities.map(toListedCommunity)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/communities/{instanceId}",
    access: "write",
    command: "community.create",
    body: z.object({ name: subject, description: description.optional() }),
    response: envelope(communityDetails),
    status: 201,
    toInput: ({ body }) => ({ subject: body.name, description: body.description }),
    toResponse: (created) => enveloped(toCommunityDetails(created), "Community created successfully"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/communities/{instanceId}/{communityId}",
    access: "read",
    command: "community.get",
    response: envelope(communityDetails),
    toInput: ({ params }) => ({ community: params.communityId }),
    toResponse: (details) => enveloped(toCommunityDetails(details)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/communities/{instanceId}/{communityId}/groups",
    description: "The response says for each participant whether they were added.",
    access: "write",
    command: "community.createGroup",
    body: z.object({ name: subject, participants }),
    response: envelope(groupDetails.extend({ results: z.array(group.participantResult) })),
    status: 201,
    toInput: ({ params, body }) => ({
      community: params.communityId,
      subject: body.name,
      participants: body.participants,
    }),
    toResponse: (result) =>
      enveloped({ ...toGroupDetails(result.group), results: result.participants }, "Group created successfully"),
  }),
  linkEndpoint("put", "community.linkGroup", "Group linked to the community"),
  linkEndpoint("delete", "community.unlinkGroup", "Group unlinked from the community"),
  commandEndpoint({
    method: "put",
    path: "/api/communities/{instanceId}/{communityId}/name",
    summary: "Rename a community",
    access: "write",
    command: "group.setSubject",
    body: z.object({ name: subject }),
    response: reference,
    toInput: ({ params, body }) => ({ group: params.communityId, subject: body.name }),
    toResponse: confirm("Community name updated"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/communities/{instanceId}/{communityId}/description",
    summary: "Change or remove the description of a community",
    access: "write",
    command: "group.setDescription",
    body: z.object({ description }),
    response: reference,
    toInput: ({ params, body }) => ({ group: params.communityId, description: body.description }),
    toResponse: confirm("Community description updated"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/communities/{instanceId}/{communityId}/invite-code",
    summary: "Get the invite code of a community. Requires an admin of the community",
    access: "read",
    command: "group.inviteCode",
    response: invite,
    toInput: ({ params }) => ({ group: params.communityId }),
    toResponse: ({ code }, { params }) => enveloped(toInvite(withServer(params.communityId), code)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/communities/{instanceId}/{communityId}/leave",
    access: "write",
    command: "community.leave",
    response: reference,
    toInput: ({ params }) => ({ community: params.communityId }),
    toResponse: confirm("Left the community"),
  }),
];
