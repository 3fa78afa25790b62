import * as z from "zod";
import { type Channel, readChannels } from "../../../../core/channel/index.ts";
import * as channel from "../../../../core/command/catalog/channel.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { toChannelJid } from "../../../../core/message/recipient.ts";
import { commandEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { isoDate, wholeNumber } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const { name, description, role, verified, subscribers, inviteCode } = channel.channel.shape;
const { name: newName, description: newDescription, url, upload } = commandCatalog["channel.create"].input.shape;
const { duration } = commandCatalog["channel.mute"].input.shape;
const { limit, after } = commandCatalog["channel.messages"].input.shape;

const shown = z.object({
  /** The JID of the channel. */
  id: z.string(),
  name,
  description,
  role,
  isMuted: z.boolean(),
  verified,
  /** As WhatsApp last reported it. */
  subscribersCount: subscribers,
  inviteCode,
  inviteUrl: z.string().nullable(),
  createdAt: isoDate.nullable(),
});

const listed = shown.extend({
  /** When a mute with a duration ends. */
  mutedUntil: isoDate.nullable(),
});

const reference = envelope(z.object({ channelId: z.string() }));
const referTo = (channelId: string) => ({ channelId: toChannelJid(channelId) ?? channelId });
/** Answers with the channel and a message. */
const confirm =
  (message: string) =>
  (_result: unknown, { params }: { params: { channelId: string } }) =>
    enveloped(referTo(params.channelId), message);

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
    summary: "List the channels that the account follows or manages",
    description: "Includes only channels that WhatsApp has reported since the account was linked.",
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
        /** An uploaded file, instead of `picture`. */
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
          : "Channel created, but WhatsApp refused its picture",
      ),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/channels/{instanceId}/invite/{code}",
    summary: "Get a channel by its invite code",
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
    out: confirm("Channel updated successfully"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/channels/{instanceId}/{channelId}",
    access: "write",
    command: "channel.delete",
    answer: reference,
    in: ({ params }) => ({ channel: params.channelId }),
    out: confirm("Channel deleted"),
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
    answer: envelope(z.array(channel.channelPost)),
    in: ({ params, query }) => ({ channel: params.channelId, limit: query.limit ?? 20, after: query.after }),
    out: ({ messages }) => enveloped(messages),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/channels/{instanceId}/{channelId}/follow",
    summary: "Follow a channel by its id or invite code",
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
    out: confirm("Channel unfollowed"),
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
    out: confirm("Channel unmuted"),
  }),
];
