import type { Account, Endpoint } from "../../model/account.ts";
import type { Channel, Post } from "../../model/channel.ts";
import type { World } from "../../model/world.ts";
import { proto } from "../../wire/baileys.ts";
import { readContent } from "../../wire/content.ts";
import { BadStanza, type BinaryNode, bytes, child, node } from "../../wire/node.ts";
import { deliverToAccount } from "../deliver.ts";
import type { Rejection } from "../errors.ts";

/** Values of the attribute `edit`. The edit or deletion of a channel post has the post's id. */
const EDITED = "3";
export const DELETED = "8";
const REACTION_REMOVED = "7";

const FIRST_SERVER_ID = 100;

/**
 * Handles a channel post, the edit or deletion of a post, or a reaction. Accepts a repeated channel post, but does not
 * deliver it again.
 */
export function routeChannelMessage(world: World, sender: Endpoint, stanza: BinaryNode): Rejection | undefined {
  const { to = "", id = "", type = "text", edit } = stanza.attrs;
  const channel = world.channels.get(to);
  if (!channel) return { code: 404, reason: "the channel does not exist" };
  const { account } = sender;
  if (type === "reaction") return react(channel, account, stanza);
  if (!channel.mayPost(account)) return { code: 403, reason: "only admins may publish channel posts" };
  if (edit !== undefined) return change(world, channel, sender, stanza);
  if (channel.posts.some((post) => post.id === id)) return undefined;
  const plaintext = readPlaintext(stanza);
  const problem = mediaProblem(world, child(stanza, "plaintext"), plaintext);
  if (problem) return problem;
  const at = Math.floor(world.clock() / 1000);
  const serverId = (channel.posts.at(-1)?.serverId ?? FIRST_SERVER_ID - 1) + 1;
  const post = { id, serverId, type, at, author: account, plaintext, deleted: false, reactions: new Map() };
  channel.posts.push(post);
  deliverPost(world, channel, sender, post);
  return undefined;
}

const readPlaintext = (stanza: BinaryNode): Buffer => Buffer.from(bytes(child(stanza, "plaintext")) ?? []);

function change(world: World, channel: Channel, sender: Endpoint, stanza: BinaryNode): Rejection | undefined {
  const { id, edit } = stanza.attrs;
  const post = channel.posts.find((candidate) => candidate.id === id);
  if (!post || post.deleted) return { code: 404, reason: "the channel post does not exist" };
  if (edit === DELETED) post.deleted = true;
  else if (edit === EDITED) post.plaintext = readPlaintext(stanza);
  else throw new BadStanza(`edit=${edit} in a channel`);
  deliverPost(world, channel, sender, post, edit);
  return undefined;
}

/**
 * WhatsApp rejects a channel post if its file is encrypted or wasn't uploaded as channel media, or if its `<plaintext>`
 * node has no `mediatype`. Source: https://github.com/WhiskeySockets/Baileys/issues/2199
 */
function mediaProblem(world: World, content: BinaryNode | undefined, plaintext: Buffer): Rejection | undefined {
  const { media } = readContent(proto.Message.decode(plaintext));
  if (!media) return undefined;
  if (media.mediaKey.length > 0) return { code: 479, reason: "the file of the channel post is encrypted" };
  if (!/^\/v\/newsletter-/.test(media.directPath) || !world.media.get(media.directPath)) {
    return { code: 479, reason: "the file is not channel media" };
  }
  return content?.attrs.mediatype ? undefined : { code: 479, reason: "the channel post has no media type" };
}

function deliverPost(world: World, channel: Channel, sender: Endpoint, post: Post, edit?: string): void {
  const { id, serverId, type, author, plaintext, deleted } = post;
  const content = node("plaintext", {}, deleted ? Buffer.alloc(0) : plaintext);
  for (const account of channel.followers.keys()) {
    const own = account === author ? "true" : undefined;
    const attrs = { from: channel.jid, id, server_id: String(serverId), type, t: world.seconds, edit, is_sender: own };
    deliverToAccount(account, node("message", attrs, [content]), sender);
  }
}

function react(channel: Channel, account: Account, stanza: BinaryNode): Rejection | undefined {
  const post = channel.post(Number(stanza.attrs.server_id));
  if (!channel.followers.has(account)) return { code: 403, reason: "only followers may react" };
  if (!post || post.deleted) return { code: 404, reason: "the channel post does not exist" };
  const emoji = child(stanza, "reaction")?.attrs.code;
  if (!emoji || stanza.attrs.edit === REACTION_REMOVED) post.reactions.delete(account);
  else post.reactions.set(account, emoji);
  return undefined;
}

/** Returns the server id of a channel post, which the ack of the post contains. */
export const serverIdOf = (world: World, to: string, id: string): string | undefined =>
  world.channels
    .get(to)
    ?.posts.find((post) => post.id === id)
    ?.serverId.toString();
