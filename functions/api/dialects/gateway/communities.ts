import * as z from "zod";
import type * as community from "../../../../core/command/catalog/community.ts";
import * as group from "../../../../core/command/catalog/group.ts";
import { commandEndpoint } from "../../engine/endpoint.ts";
import { isoDate } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";
import { invite, member, toInvite, toMember, toWholeGroup, wholeGroup } from "./group-shapes.ts";

const { subject, description, participants, groupId, withServer } = group;

const listed = z.object({
  /** The JID of the community. */
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  owner: z.string().nullable(),
  createdAt: isoDate.nullable(),
  participantsCount: z.int(),
});
const whole = listed.extend({
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
/** Answers with the community and a message. */
const confirm =
  (message: string) =>
  (_result: unknown, { params }: { params: { communityId: string } }) =>
    enveloped({ communityId: withServer(params.communityId) }, message);
const link = envelope(z.object({ communityId: z.string(), groupId: z.string() }));

const toListed = (one: community.CommunitySummary): z.input<typeof listed> => ({
  id: one.id,
  name: one.subject,
  description: one.description,
  owner: one.owner,
  createdAt: one.createdAt,
  participantsCount: one.size,
});

const toWhole = (one: community.CommunityDetails): z.input<typeof whole> => ({
  ...toListed(one),
  participants: one.participants.map(toMember),
  groups: one.groups.map(({ subject: name, size, ...each }) => ({ ...each, name, participantsCount: size })),
});

const linkEndpoint = (
  method: "put" | "delete",
  command: "community.linkGroup" | "community.unlinkGroup",
  done: string,
) =>
  commandEndpoint({
    method,
    path: "/api/communities/{instanceId}/{communityId}/groups",
    access: "write",
    command,
    body: z.object({ groupId }),
    answer: link,
    in: ({ params, body }) => ({ community: params.communityId, group: body.groupId }),
    out: (_result, { params, body }) =>
      enveloped({ communityId: withServer(params.communityId), groupId: body.groupId }, done),
  });

export const communityEndpoints = [
  commandEndpoint({
    method: "get",
    path: "/api/communities/{instanceId}",
    access: "read",
    command: "community.list",
    answer: envelope(z.array(listed)),
    in: () => ({}),
    out: ({ communities }) => enveloped(communities.map(toListed)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/communities/{instanceId}",
    access: "write",
    command: "community.create",
    body: z.object({ name: subject, description: description.optional() }),
    answer: envelope(whole),
    status: 201,
    in: ({ body }) => ({ subject: body.name, description: body.description }),
    out: (made) => enveloped(toWhole(made), "Community created successfully"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/communities/{instanceId}/{communityId}",
    access: "read",
    command: "community.get",
    answer: envelope(whole),
    in: ({ params }) => ({ community: params.communityId }),
    out: (one) => enveloped(toWhole(one)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/communities/{instanceId}/{communityId}/groups",
    description: "The answer reports for each participant whether they were added.",
    access: "write",
    command: "community.createGroup",
    body: z.object({ name: subject, participants }),
    answer: envelope(wholeGroup.extend({ results: z.array(group.participantResult) })),
    status: 201,
    in: ({ params, body }) => ({
      community: params.communityId,
      subject: body.name,
      participants: body.participants,
    }),
    out: (made) => enveloped({ ...toWholeGroup(made.group), results: made.participants }, "Group created successfully"),
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
    answer: reference,
    in: ({ params, body }) => ({ group: params.communityId, subject: body.name }),
    out: confirm("Community name updated"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/communities/{instanceId}/{communityId}/description",
    summary: "Change or remove the description of a community",
    access: "write",
    command: "group.setDescription",
    body: z.object({ description }),
    answer: reference,
    in: ({ params, body }) => ({ group: params.communityId, description: body.description }),
    out: confirm("Community description updated"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/communities/{instanceId}/{communityId}/invite-code",
    summary: "Get the invite code of a community. Only for its admins",
    access: "read",
    command: "group.inviteCode",
    answer: invite,
    in: ({ params }) => ({ group: params.communityId }),
    out: ({ code }, { params }) => enveloped(toInvite(withServer(params.communityId), code)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/communities/{instanceId}/{communityId}/leave",
    access: "write",
    command: "community.leave",
    answer: reference,
    in: ({ params }) => ({ community: params.communityId }),
    out: confirm("Left the community"),
  }),
];
