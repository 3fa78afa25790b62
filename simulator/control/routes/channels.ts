import { z } from "zod";
import type { Channel } from "../../model/channel.ts";
import { postView } from "../../phone/channels.ts";
import { channelOf, phoneOf } from "../base/lookup.ts";
import { present } from "../base/present.ts";
import { ControlError, type Route, route } from "../base/route.ts";

const NewChannel = z.object({ name: z.string().min(1), description: z.string().default("") });
const NewPost = z
  .object({
    text: z.string().min(1).optional().describe("The text, or the caption of an image"),
    image: z.base64().optional().describe("A JPEG in Base64"),
    id: z.string().optional().describe("Only for a text"),
  })
  .refine(({ text, image }) => text !== undefined || image !== undefined, "needs a text or an image");
const ChannelChange = z.object({
  name: z.string().min(1).optional(),
  description: z.string().optional(),
  muted: z.boolean().optional().describe("Whether the phone is notified of channel posts"),
});
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
    summary: "Publish a channel post with a text or an image, as an admin of the channel",
    body: NewPost,
    answer: z.object({ id: z.string() }),
    run: (request) => {
      const { channels } = phoneOf(request);
      const { text, image, id } = request.body;
      const { jid } = channelOf(request);
      if (image !== undefined) return { id: channels.postImage(jid, Buffer.from(image, "base64"), text) };
      return { id: channels.post(jid, text ?? "", id) };
    },
  }),
  route({
    method: "patch",
    path: "/phones/{number}/channels/{channel}",
    summary: "Rename or describe a channel as its owner, or mute it as a follower",
    body: ChannelChange,
    answer: ChannelView,
    run: (request) => {
      const { channels } = phoneOf(request);
      const { muted, ...texts } = request.body;
      const { jid } = channelOf(request);
      if (Object.values(texts).some((value) => value !== undefined)) channels.rename(jid, present(texts));
      if (muted !== undefined) channels.setMuted(jid, muted);
      return channelView(channelOf(request));
    },
  }),
  route({
    method: "delete",
    path: "/phones/{number}/channels/{channel}",
    summary: "Delete a channel, as its owner",
    run: (request) => phoneOf(request).channels.remove(channelOf(request).jid),
  }),
  route({
    method: "post",
    path: "/phones/{number}/channels/{channel}/admins",
    summary: "Make a follower an admin, as the owner of the channel",
    body: z.object({ number: z.string().min(3).describe("Digits of the phone number") }),
    answer: ChannelView,
    run: (request) => {
      phoneOf(request).channels.promote(channelOf(request).jid, request.body.number);
      return channelView(channelOf(request));
    },
  }),
  route({
    method: "patch",
    path: "/phones/{number}/channels/{channel}/posts/{post}",
    summary: "Edit the text of a channel post",
    body: z.object({ text: z.string().min(1) }),
    run: (request) => phoneOf(request).channels.edit(channelOf(request).jid, postOf(request), request.body.text),
  }),
  route({
    method: "delete",
    path: "/phones/{number}/channels/{channel}/posts/{post}",
    summary: "Delete a channel post",
    run: (request) => phoneOf(request).channels.revoke(channelOf(request).jid, postOf(request)),
  }),
  route({
    method: "post",
    path: "/phones/{number}/channels/{channel}/posts/{post}/react",
    summary: "React to a channel post. An empty emoji removes the reaction.",
    body: z.object({ emoji: z.string() }),
    run: (request) => phoneOf(request).channels.react(channelOf(request).jid, postOf(request), request.body.emoji),
  }),
];

/** Throws 404 if the channel has no such post. */
function postOf(request: Parameters<Route["run"]>[0]): string {
  const id = request.params.post ?? "";
  if (channelOf(request).posts.some((post) => post.id === id && !post.deleted)) return id;
  throw new ControlError(404, `the channel has no post ${id}`);
}

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
