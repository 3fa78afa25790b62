import { z } from "zod";
import type { Channel } from "../../model/channel.ts";
import { postView } from "../../phone/channels.ts";
import { channelOf, phoneOf } from "../base/lookup.ts";
import { type Route, route } from "../base/route.ts";

const NewChannel = z.object({ name: z.string().min(1), description: z.string().default("") });
const NewPost = z.object({ text: z.string().min(1), id: z.string().optional() });
const ChannelView = z.object({
  jid: z.string(),
  name: z.string(),
  description: z.string(),
  inviteCode: z.string(),
  followers: z.array(z.object({ jid: z.string(), role: z.enum(["owner", "admin", "subscriber"]), muted: z.boolean() })),
  posts: z.array(
    z.object({
      id: z.string(),
      serverId: z.number().int(),
      kind: z.string(),
      text: z.string().optional(),
      reactions: z.record(z.string(), z.number()).describe("Number of reactions with each emoji"),
    }),
  ),
});

export const channelRoutes: Route[] = [
  route({
    method: "get",
    path: "/channels",
    summary: "List all channels, with their followers and posts",
    answer: z.array(ChannelView),
    run: ({ wa }) => [...wa.world.channels.values()].map(channelView),
  }),
  route({
    method: "post",
    path: "/phones/{number}/channels",
    summary: "Create a channel",
    body: NewChannel,
    answer: ChannelView,
    run: (request) => channelView(phoneOf(request).channels.create(request.body.name, request.body.description)),
  }),
  route({
    method: "post",
    path: "/phones/{number}/channels/{channel}/follow",
    summary: "Follow a channel, which is given by its JID or invite code",
    answer: ChannelView,
    run: (request) => channelView(phoneOf(request).channels.follow(channelOf(request).jid)),
  }),
  route({
    method: "post",
    path: "/phones/{number}/channels/{channel}/unfollow",
    summary: "Stop following a channel",
    run: (request) => phoneOf(request).channels.unfollow(channelOf(request).jid),
  }),
  route({
    method: "post",
    path: "/phones/{number}/channels/{channel}/posts",
    summary: "Publish a channel post with a text, as an admin of the channel",
    body: NewPost,
    answer: z.object({ id: z.string() }),
    run: (request) => ({
      id: phoneOf(request).channels.post(channelOf(request).jid, request.body.text, request.body.id),
    }),
  }),
];

const channelView = (channel: Channel): z.input<typeof ChannelView> => ({
  jid: channel.jid,
  name: channel.name,
  description: channel.description,
  inviteCode: channel.inviteCode,
  followers: [...channel.followers].map(([account, role]) => ({
    jid: account.pnJid,
    role,
    muted: channel.muted.has(account),
  })),
  posts: channel.posts.filter(({ deleted }) => !deleted).map(postView),
});
