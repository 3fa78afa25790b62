import { z } from "zod";
import type { Channel } from "../model/channel.ts";
import { postView } from "../phone/channels.ts";
import type { Phone } from "../phone/phone.ts";
import type { WhatsApp } from "../server/whatsapp.ts";
import { Refusal } from "../stanza/errors.ts";
import { ControlError, type Route, route } from "./route.ts";

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
      reactions: z.record(z.string(), z.number()).describe("How many gave which"),
    }),
  ),
});

/** Channels: whose they are, who follows, what is posted. */
export function channelRoutes(wa: WhatsApp): Route[] {
  const phone = (params: Record<string, string>): Phone => {
    const found = wa.phone(params.number ?? "");
    if (!found) throw new ControlError(404, `there is no phone ${params.number}`);
    return found;
  };
  const channel = (params: Record<string, string>): Channel => {
    const found = [...wa.world.channels.values()].find(({ jid, inviteCode }) =>
      [jid, inviteCode].includes(params.channel ?? ""),
    );
    if (!found) throw new ControlError(404, `there is no channel ${params.channel}`);
    return found;
  };
  const view = (one: Channel): z.input<typeof ChannelView> => ({
    jid: one.jid,
    name: one.name,
    description: one.description,
    inviteCode: one.inviteCode,
    followers: [...one.followers].map(([account, role]) => ({
      jid: account.pnJid,
      role,
      muted: one.muted.has(account),
    })),
    posts: one.posts.filter(({ deleted }) => !deleted).map(postView),
  });
  const refused = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (error instanceof Refusal) throw new ControlError(409, error.message);
      throw error;
    }
  };
  return [
    route({
      method: "get",
      path: "/channels",
      summary: "All channels with their followers and posts",
      answer: z.array(ChannelView),
      run: () => [...wa.world.channels.values()].map(view),
    }),
    route({
      method: "post",
      path: "/phones/{number}/channels",
      summary: "Create a channel",
      body: NewChannel,
      answer: ChannelView,
      run: ({ params, body }) => view(phone(params).channels.create(body.name, body.description)),
    }),
    route({
      method: "post",
      path: "/phones/{number}/channels/{channel}/follow",
      summary: "Follow a channel, named by its JID or invite code",
      answer: ChannelView,
      run: ({ params }) => view(phone(params).channels.follow(channel(params).jid)),
    }),
    route({
      method: "post",
      path: "/phones/{number}/channels/{channel}/unfollow",
      summary: "Follow it no longer",
      run: ({ params }) => refused(() => phone(params).channels.unfollow(channel(params).jid)),
    }),
    route({
      method: "post",
      path: "/phones/{number}/channels/{channel}/posts",
      summary: "Post a text, as an admin of the channel",
      body: NewPost,
      answer: z.object({ id: z.string() }),
      run: ({ params, body: { text, id } }) =>
        refused(() => ({ id: phone(params).channels.post(channel(params).jid, text, id) })),
    }),
  ];
}
