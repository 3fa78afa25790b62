import * as z from "zod";
import type { Channel } from "../../../../core/channel/index.ts";
import { readChannels } from "../../../../core/channel/index.ts";
import * as channel from "../../../../core/command/catalog/channel.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { toChannelJid } from "../../../../core/message/recipient.ts";
import { commandEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { isoDate, wholeNumberPattern } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const { name, description, role, verified, subscribers, inviteCode } = channel.channel.shape;
const { name: newName, description: newDescription, url, upload } = commandCatalog["channel.create"].input.shape;
const { duration } = commandCatalog["channel.mute"].input.shape;
const wholeNumber = z.string().regex(new RegExp(wholeNumberPattern), "must be a whole number").transform(Number);
const { limit, after } = commandCatalog["channel.messages"].input.shape;

const shown = z.object({
  /** JID. */
  id: z.string(),
  name,
  description,
  role,
  isMuted: z.boolean(),
  verified,
  /** As it was last told. */
  subscribersCount: subscribers,
  inviteCode,
  inviteUrl: z.string().nullable(),
  createdAt: isoDate.nullable(),
});

const listed = shown.extend({
  /** When a mute that was asked for a time ends. */
  mutedUntil: isoDate.nullable(),
});

const reference = envelope(z.object({ channelId: z.string() }));
const referTo = (channelId: string) => ({ channelId: toChannelJid(channelId) ?? channelId });

const toShown = (one: channel.ChannelDetails): z.input<typeof shown> => ({
  id: one.id,
  name: one.name,
  description: one.description,
  role: one.role,
  isMuted: one.muted,
  verified: one.verified,
  subscribersCount: one.subscribers,
  inviteCode: one.inviteCode,
  inviteUrl: one.inviteCode && `https://whatsapp.com/channel/${one.inviteCode}`,
  createdAt: one.createdAt,
});

const toListed = ({ jid, createdAt, mutedUntil, ...one }: Channel): z.input<typeof listed> => ({
  ...toShown({ ...one, id: jid, createdAt: createdAt?.toISOString() ?? null }),
  mutedUntil: mutedUntil?.toISOString() ?? null,
});

export const channelEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/channels/{instanceId}",
    summary: "The channels that the account follows or runs, as far as WhatsApp has told of them since it was linked",
    access: "read",
    answer: envelope(z.array(listed)),
    in: () => ({}),
    does: ({ deps, instance }) => readChannels(deps.db, instance.id),
    out: (channels) => enveloped(channels.map(toListed)),
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
        /** In place of `picture`: a file that was uploaded for this instance. */
        uploadId: upload,
      })
      .refine((body) => body.picture === undefined || body.uploadId === undefined, "give either picture or uploadId"),
    answer: envelope(shown.extend({ hasPicture: z.boolean() })),
    status: 201,
    in: ({ body }) => ({ name: body.name, description: body.description, url: body.picture, upload: body.uploadId }),
    out: ({ channel: made, hasPicture }, { body }) =>
      enveloped(
        { ...toShown(made), hasPicture },
        hasPicture || (body.picture ?? body.uploadId) === undefined
          ? "Channel created successfully"
          : "Channel created; WhatsApp refused its picture",
      ),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/channels/{instanceId}/invite/{code}",
    summary: "Look at a channel by the code of its link",
    access: "read",
    command: "channel.get",
    answer: envelope(shown),
    in: ({ params }) => ({ channel: params.code }),
    out: (one) => enveloped(toShown(one)),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/channels/{instanceId}/{channelId}",
    access: "read",
    command: "channel.get",
    answer: envelope(shown),
    in: ({ params }) => ({ channel: params.channelId }),
    out: (one) => enveloped(toShown(one)),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/channels/{instanceId}/{channelId}",
    access: "write",
    command: "channel.update",
    body: z.object({ name: newName.optional(), description: newDescription }),
    answer: reference,
    in: ({ params, body }) => ({ channel: params.channelId, ...body }),
    out: (_result, { params }) => enveloped(referTo(params.channelId), "Channel updated successfully"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/channels/{instanceId}/{channelId}",
    access: "write",
    command: "channel.delete",
    answer: reference,
    in: ({ params }) => ({ channel: params.channelId }),
    out: (_result, { params }) => enveloped(referTo(params.channelId), "Channel deleted"),
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
    answer: envelope(z.array(channel.post)),
    in: ({ params, query }) => ({ channel: params.channelId, limit: query.limit ?? 20, after: query.after }),
    out: ({ messages }) => enveloped(messages),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/channels/{instanceId}/{channelId}/follow",
    summary: "Follow a channel, named by its id or the code of its link",
    access: "write",
    command: "channel.follow",
    answer: envelope(shown),
    in: ({ params }) => ({ channel: params.channelId }),
    out: (one) => enveloped(toShown(one), "Channel followed"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/channels/{instanceId}/{channelId}/unfollow",
    access: "write",
    command: "channel.unfollow",
    answer: reference,
    in: ({ params }) => ({ channel: params.channelId }),
    out: (_result, { params }) => enveloped(referTo(params.channelId), "Channel unfollowed"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/channels/{instanceId}/{channelId}/mute",
    access: "write",
    command: "channel.mute",
    body: z
      .object({
        /** Seconds; without it for good. */
        duration,
      })
      .default({}),
    answer: envelope(z.object({ channelId: z.string(), mutedUntil: isoDate.nullable() })),
    in: ({ params, body }) => ({ channel: params.channelId, duration: body.duration }),
    out: ({ mutedUntil }, { params }) => enveloped({ ...referTo(params.channelId), mutedUntil }, "Channel muted"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/channels/{instanceId}/{channelId}/unmute",
    access: "write",
    command: "channel.unmute",
    answer: reference,
    in: ({ params }) => ({ channel: params.channelId }),
    out: (_result, { params }) => enveloped(referTo(params.channelId), "Channel unmuted"),
  }),
];
