import type { Account } from "../../model/account.ts";
import {
  type Channel,
  type ChannelRole,
  createChannel,
  follow,
  metadata,
  type Post,
  removeChannel,
  rename,
  setMuted,
  unfollow,
} from "../../model/channel.ts";
import type { Endpoint } from "../../model/device.ts";
import type { World } from "../../model/world.ts";
import { proto } from "../../wire/baileys.ts";
import { readContent } from "../../wire/content.ts";
import { BadStanza, type BinaryNode, bytes, child, node, result } from "../../wire/node.ts";
import { type IqHandler, Refusal, Unsupported } from "../iq.ts";
import type { Rejection } from "../message/message.ts";

/** What a client says in a stanza's `edit`; a post keeps its id then. */
const EDITED = "3";
const DELETED = "8";
const REACTION_TAKEN_BACK = "7";

type Variables = { newsletter_id?: string; [name: string]: unknown };
type Query = { path: string; run: (origin: { world: World; account: Account }, variables: Variables) => unknown };

/** WhatsApp's GraphQL queries by their ids, as WhatsApp Web asks them, and where the answer stands. */
const queries: Record<string, Query> = {
  "8823471724422422": { path: "xwa2_newsletter_create", run: create },
  "24250201037901610": { path: "xwa2_newsletter_update", run: update },
  "6563316087068696": { path: "xwa2_newsletter", run: look },
  "9783111038412085": {
    path: "xwa2_newsletter_subscribers",
    run: (origin, variables) => ({ subscribers_count: String(owned(origin, variables).followers.size) }),
  },
  "24404358912487870": {
    path: "xwa2_newsletter_join_v2",
    run: ({ world, account }, variables) => {
      const channel = named(world, variables);
      follow(world, account, channel);
      return brief(channel);
    },
  },
  "9767147403369991": {
    path: "xwa2_newsletter_leave_v2",
    run: ({ world, account }, variables) => {
      const channel = followed({ world, account }, variables);
      if (channel.followers.get(account) === "owner") throw new Refusal(403, "an owner cannot leave");
      unfollow(world, account, channel);
      return brief(channel);
    },
  },
  "29766401636284406": { path: "xwa2_newsletter_mute_v2", run: mute(true) },
  "9864994326891137": { path: "xwa2_newsletter_unmute_v2", run: mute(false) },
  "7130823597031706": {
    path: "xwa2_newsletter_admin",
    run: (origin, variables) => {
      const channel = owned(origin, variables);
      return {
        id: channel.jid,
        admin_count: [...channel.followers.values()].filter((one) => one !== "subscriber").length,
      };
    },
  },
  "7341777602580933": {
    path: "xwa2_newsletter_change_owner",
    run: (origin, variables) => {
      const channel = owned(origin, variables);
      assign(origin.world, channel, variables.user_id, "owner");
      channel.followers.set(origin.account, "admin");
      return brief(channel);
    },
  },
  "6551828931592903": {
    path: "xwa2_newsletter_demote",
    run: (origin, variables) => {
      const channel = owned(origin, variables);
      assign(origin.world, channel, variables.user_id, "subscriber");
      return brief(channel);
    },
  },
  "30062808666639665": {
    path: "xwa2_newsletter_delete_v2",
    run: (origin, variables) => {
      const channel = owned(origin, variables);
      removeChannel(origin.world, channel);
      return { id: channel.jid, state: { type: "DELETED" } };
    },
  },
};

/** `w:mex`: a GraphQL query in JSON. What is refused is refused in JSON as well. */
export const mex: IqHandler = (iq, { world, device }) => {
  const asked = child(iq, "query");
  const query = queries[asked?.attrs.query_id ?? ""];
  if (!query) throw new Unsupported(`w:mex query ${asked?.attrs.query_id}`);
  const { variables } = JSON.parse(String(bytes(asked) ?? "{}")) as { variables?: Variables };
  const answer = (content: object) => result(iq, [node("result", {}, Buffer.from(JSON.stringify(content)))]);
  try {
    return answer({ data: { [query.path]: query.run({ world, account: device.account }, variables ?? {}) } });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const extensions = { error_code: error.code, is_retryable: false, severity: "CRITICAL" };
    return answer({ data: null, errors: [{ message: error.message, extensions }] });
  }
};

const brief = (channel: Channel) => ({ id: channel.jid, state: { type: "ACTIVE" } });

function create({ world, account }: { world: World; account: Account }, { input }: Variables) {
  const { name, description } = (input ?? {}) as { name?: string; description?: string | null };
  if (!name?.trim()) throw new Refusal(400, "a channel needs a name");
  return metadata(createChannel(world, account, name, description ?? ""), account);
}

function update(origin: { world: World; account: Account }, variables: Variables) {
  const channel = followed(origin, variables);
  if (!channel.mayPost(origin.account)) throw new Refusal(403, "only admins change a channel");
  const { name, description, picture } = (variables.updates ?? {}) as Record<string, string | undefined>;
  if (name !== undefined && !name.trim()) throw new Refusal(400, "a channel needs a name");
  const texts = { ...(name !== undefined && { name }), ...(description !== undefined && { description }) };
  if (Object.keys(texts).length > 0) rename(origin.world, channel, texts);
  if (picture !== undefined) {
    channel.picture = picture === "" ? undefined : origin.world.media.put("pps", Buffer.from(picture, "base64"));
  }
  return metadata(channel, origin.account);
}

function look({ world, account }: { world: World; account: Account }, { input }: Variables) {
  const { key, type } = (input ?? {}) as { key?: string; type?: string };
  const channel =
    type === "INVITE"
      ? [...world.channels.values()].find((one) => one.inviteCode === key)
      : world.channels.get(key ?? "");
  if (!channel) throw new Refusal(404, "Not Found");
  return metadata(channel, account);
}

function mute(muted: boolean): Query["run"] {
  return (origin, variables) => {
    const channel = followed(origin, variables);
    setMuted(origin.world, origin.account, channel, muted);
    return brief(channel);
  };
}

function named(world: World, { newsletter_id: jid }: Variables): Channel {
  const channel = world.channels.get(jid ?? "");
  if (!channel) throw new Refusal(404, "Not Found");
  return channel;
}

function followed({ world, account }: { world: World; account: Account }, variables: Variables): Channel {
  const channel = named(world, variables);
  if (!channel.followers.has(account)) throw new Refusal(403, "not a follower");
  return channel;
}

function owned({ world, account }: { world: World; account: Account }, variables: Variables): Channel {
  const channel = named(world, variables);
  if (channel.followers.get(account) !== "owner") throw new Refusal(403, "not the owner");
  return channel;
}

function assign(world: World, channel: Channel, jid: unknown, role: ChannelRole): void {
  const account = world.accountOf(String(jid));
  if (!account || !channel.followers.has(account)) throw new Refusal(404, "not a follower");
  channel.followers.set(account, role);
}

/** `newsletter`: the posts of a channel with what became of them, and live updates. */
export const newsletter: IqHandler = (iq, { world, device }) => {
  const channel = world.channels.get(iq.attrs.to ?? "");
  if (!channel) throw new Refusal(404, "item-not-found");
  if (child(iq, "live_updates")) return result(iq, [node("live_updates", { duration: "300" })]);
  const asked = child(iq, "message_updates");
  if (!asked) throw new Unsupported("newsletter iq");
  const since = Number(asked.attrs.since ?? 0);
  const after = Number(asked.attrs.after ?? 0);
  const posts = channel.posts
    .filter((post) => post.at >= since && post.serverId > after)
    .slice(-Number(asked.attrs.count ?? 100))
    .map((post) => postNode(post, device.account));
  const messages = node("messages", { jid: channel.jid, t: world.seconds }, posts);
  return result(iq, [node("message_updates", {}, [messages])]);
};

function postNode(post: Post, viewer: Account): BinaryNode {
  const { id, serverId, type, at, author, plaintext, deleted } = post;
  const own = author === viewer ? "true" : undefined;
  const attrs = { id, server_id: String(serverId), type, t: String(at), is_sender: own };
  if (deleted) return node("message", { ...attrs, edit: DELETED });
  const counts = Map.groupBy(post.reactions.values(), (emoji) => emoji);
  const reactions = [...counts].map(([code, given]) => node("reaction", { code, count: String(given.length) }));
  return node("message", attrs, [
    node("plaintext", {}, plaintext),
    ...(reactions.length > 0 ? [node("reactions", {}, reactions)] : []),
  ]);
}

/** A post, or a reaction to one. What comes a second time under its id is taken and told to nobody. */
export function routeChannelMessage(world: World, sender: Endpoint, stanza: BinaryNode): Rejection | undefined {
  const { to = "", id = "", type = "text", edit, server_id: serverId } = stanza.attrs;
  const channel = world.channels.get(to);
  if (!channel) return { code: 404, reason: "no such channel" };
  const { account } = sender;
  if (type === "reaction") return react(channel, account, Number(serverId), stanza);
  if (!channel.mayPost(account)) return { code: 403, reason: "only admins may post" };
  const known = channel.posts.find((post) => post.id === id);
  const plaintext = Buffer.from(bytes(child(stanza, "plaintext")) ?? []);
  if (known && edit === undefined) return undefined;
  if (edit !== undefined) {
    if (!known || known.deleted) return { code: 404, reason: "no such post" };
    if (edit === DELETED) known.deleted = true;
    else if (edit === EDITED) known.plaintext = plaintext;
    else throw new BadStanza(`edit=${edit} in a channel`);
    spread(world, channel, sender, known, edit);
    return undefined;
  }
  const fault = faultOf(world, child(stanza, "plaintext"), plaintext);
  if (fault) return fault;
  const at = Math.floor(world.clock() / 1000);
  const newest = channel.posts.at(-1)?.serverId ?? 99;
  const post = { id, serverId: newest + 1, type, at, author: account, plaintext, deleted: false, reactions: new Map() };
  channel.posts.push(post);
  spread(world, channel, sender, post);
  return undefined;
}

/** WhatsApp takes no post whose file is not one of a channel, or which does not say what it is. */
function faultOf(world: World, content: BinaryNode | undefined, plaintext: Buffer): Rejection | undefined {
  const { media } = readContent(proto.Message.decode(plaintext));
  if (!media) return undefined;
  if (media.mediaKey.length > 0) return { code: 479, reason: "the file of a post is encrypted" };
  if (!/^\/v\/newsletter-/.test(media.directPath) || !world.media.get(media.directPath)) {
    return { code: 479, reason: "the file is not one of a channel" };
  }
  return content?.attrs.mediatype ? undefined : { code: 479, reason: "it does not say what its file is" };
}

function spread(world: World, channel: Channel, sender: Endpoint, post: Post, edit?: string): void {
  const { id, serverId, type, author, plaintext } = post;
  for (const account of channel.followers.keys()) {
    const own = account === author ? "true" : undefined;
    const attrs = { from: channel.jid, id, server_id: String(serverId), type, t: world.seconds, edit, is_sender: own };
    for (const endpoint of account.endpoints()) {
      if (endpoint === sender) continue;
      endpoint.deliver(node("message", attrs, [node("plaintext", {}, post.deleted ? Buffer.alloc(0) : plaintext)]));
    }
  }
}

function react(channel: Channel, account: Account, serverId: number, stanza: BinaryNode): Rejection | undefined {
  const post = channel.post(serverId);
  if (!channel.followers.has(account)) return { code: 403, reason: "not a follower" };
  if (!post || post.deleted) return { code: 404, reason: "no such post" };
  const emoji = child(stanza, "reaction")?.attrs.code;
  if (!emoji || stanza.attrs.edit === REACTION_TAKEN_BACK) post.reactions.delete(account);
  else post.reactions.set(account, emoji);
  return undefined;
}

/** What the acknowledgement of a post tells besides. */
export const serverIdOf = (world: World, to: string, id: string): string | undefined =>
  world.channels
    .get(to)
    ?.posts.find((post) => post.id === id)
    ?.serverId.toString();
