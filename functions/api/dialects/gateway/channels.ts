import * as z from "zod";
import { type Channel, readChannels } from "../../../../core/channel/index.ts";
import * as channel from "../../../../core/command/catalog/channel.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { toChannelJid } from "../../../../core/message/recipient.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { isoDate, wholeNumber } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const { name, description, role, verified, subscribers, inviteCode } = channel.channel.shape;
const { name: newName, description: newDescription, url, upload } = commandCatalog["channel.create"].input.shape;
const { duration } = commandCatalog["channel.mute"].input.shape;
const { limit, after } = commandCatalog["channel.messages"].input.shape;

const channelShape = z.object({
  /** The JID of the channel. */
  id: z.string(),
  name,
  description,
  role,
  isMuted: z.boolean(),
  verified,
  /** The number that WhatsApp last reported. */
  subscribersCount: subscribers,
  inviteCode,
  inviteUrl: z.string().nullable(),
  createdAt: isoDate.nullable(),
});

const listedShape = channelShape.extend({
  /** When the mute ends; null if the channel is not muted, or muted without a duration. */
  mutedUntil: isoDate.nullable(),
});

const reference = envelope(z.object({ channelId: z.string() }));
const channelReference = (channelId: string) => ({ channelId: toChannelJid(channelId) ?? channelId });
/** Returns a `toResponse` function for a response with the id of the channel and a message. */
const confirm =
  (message: string) =>
  (_result: unknown, { params }: { params: { channelId: string } }) =>
    enveloped(channelReference(params.channelId), message);

const toChannel = (details: channel.ChannelDetails): z.input<typeof channelShape> => ({
  id: details.id,
  name: details.name,
  description: details.description,
  role: details.role,
  isMuted: details.muted,
  verified: details.verified,
  subscribersCount: details.subscribers,
  inviteCode: details.inviteCode,
  inviteUrl: details.inviteCode && `https://whatsapp.com/channel/${details.inviteCode}`,
  createdAt: details.createdAt,
});

const toListedChannel = ({ jid, createdAt, mutedUntil, ...rest }: Channel): z.input<typeof listedShape> => ({
  ...toChannel({ ...rest, id: jid, createdAt: createdAt?.toISOString() ?? null }),
  mutedUntil: mutedUntil?.toISOString() ?? null,
});

export const channelEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/channels/{instanceId}",
    summary: "List the channels that the account follows or manages",
    description: "Includes only channels that WhatsApp has reported since the account was linked.",
    access: "read",
    scope: "channels:read",
    response: envelope(z.array(listedShape)),
    toInput: () => ({}),
    operation: ({ deps, instance }) => readChannels(deps.db, instance.id),
    toResponse: (channels) => enveloped(channels.map(toListedChannel)),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/channels/{instanceId}",
    access: "write",
    command: "channel.create",
    body: z
      .object({
        name: newName,
        description: newDescription,
        /** A JPEG of at most 1 MiB. */
        picture: url,
        /** An uploaded file, instead of `picture`. */
        uploadId: upload,
      })
      .refine((body) => body.picture === undefined || body.uploadId === undefined, "give either picture or uploadId"),
    response: envelope(channelShape.extend({ hasPicture: z.boolean() })),
    status: 201,
    toInput: ({ body }) => ({
      name: body.name,
      description: body.description,
      url: body.picture,
      upload: body.uploadId,
    }),
    toResponse: ({ channel: created, hasPicture }, { body }) =>
      enveloped(
        { ...toChannel(created), hasPicture },
        hasPicture || (body.picture ?? body.uploadId) === undefined
          ? "Channel created successfully"
          : "Channel created, but WhatsApp refused its picture",
      ),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/channels/{instanceId}/invite/{code}",
    summary: "Get a channel by its invite code",
    access: "read",
    command: "channel.get",
    response: envelope(channelShape),
    toInput: ({ params }) => ({ channel: params.code }),
    toResponse: (details) => enveloped(toChannel(details)),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/channels/{instanceId}/{channelId}",
    access: "read",
    command: "channel.get",
    response: envelope(channelShape),
    toInput: ({ params }) => ({ channel: params.channelId }),
    toResponse: (details) => enveloped(toChannel(details)),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/channels/{instanceId}/{channelId}",
    access: "write",
    command: "channel.update",
    body: z.object({ name: newName.optional(), description: newDescription }),
    response: reference,
    toInput: ({ params, body }) => ({ channel: params.channelId, ...body }),
    toResponse: confirm("Channel updated successfully"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/channels/{instanceId}/{channelId}",
    access: "write",
    command: "channel.delete",
    response: reference,
    toInput: ({ params }) => ({ channel: params.channelId }),
    toResponse: confirm("Channel deleted"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/channels/{instanceId}/{channelId}/messages",
    access: "read",
    command: "channel.messages",
    query: z.object({
      limit: wholeNumber.pipe(limit.unwrap()).optional(),
      after: wholeNumber.pipe(after.unwrap()).optional(),
    }),
    response: envelope(z.array(channel.channelPost)),
    toInput: ({ params, query }) => ({ channel: params.channelId, limit: query.limit ?? 20, after: query.after }),
    toResponse: ({ messages }) => enveloped(messages),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/channels/{instanceId}/{channelId}/follow",
    summary: "Follow a channel by its id or invite code",
    access: "write",
    command: "channel.follow",
    response: envelope(channelShape),
    toInput: ({ params }) => ({ channel: params.channelId }),
    toResponse: (details) => enveloped(toChannel(details), "Channel followed"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/channels/{instanceId}/{channelId}/unfollow",
    access: "write",
    command: "channel.unfollow",
    response: reference,
    toInput: ({ params }) => ({ channel: params.channelId }),
    toResponse: confirm("Channel unfollowed"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/channels/{instanceId}/{channelId}/mute",
    access: "write",
    command: "channel.mute",
    body: z
      .object({
        /** Seconds; default: until unmuted. */
        duration,
      })
      .default({}),
    response: envelope(z.object({ channelId: z.string(), mutedUntil: isoDate.nullable() })),
    toInput: ({ params, body }) => ({ channel: params.channelId, duration: body.duration }),
    toResponse: ({ mutedUntil }, { params }) =>
      enveloped({ ...channelReference(params.channelId), mutedUntil }, "Channel muted"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/channels/{instanceId}/{channelId}/unmute",
    access: "write",
    command: "channel.unmute",
    response: reference,
    toInput: ({ params }) => ({ channel: params.channelId }),
    toResponse: confirm("Channel unmuted"),
  }),
];
