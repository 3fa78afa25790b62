import type { Account } from "../../model/account.ts";
import { type Post, reactionCounts } from "../../model/channel.ts";
import { type BinaryNode, child, node } from "../../wire/node.ts";
import { Refusal, Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";
import { DELETED } from "./post.ts";

/**
 * `newsletter`: returns channel posts with their reactions, and accepts subscriptions to live updates. Source:
 * `newsletterFetchMessages` and `subscribeNewsletterUpdates` in Baileys' Socket/newsletter.ts.
 */
export const newsletter: IqHandler = (iq, { world, device }) => {
  const channel = world.channels.get(iq.attrs.to ?? "");
  if (!channel) throw new Refusal(404, "item-not-found");
  if (child(iq, "live_updates")) return result(iq, [node("live_updates", { duration: "300" })]);
  const request = child(iq, "message_updates");
  if (!request) throw new Unsupported("newsletter iq");
  const since = Number(request.attrs.since ?? 0);
  const after = Number(request.attrs.after ?? 0);
  const posts = channel.posts
    .filter((post) => post.at >= since && post.serverId > after)
    .slice(-Number(request.attrs.count ?? 100))
    .map((post) => postNode(post, device.account));
  const messages = node("messages", { jid: channel.jid, t: world.seconds }, posts);
  return result(iq, [node("message_updates", {}, [messages])]);
};

function postNode(post: Post, viewer: Account): BinaryNode {
  const { id, serverId, type, at, author, plaintext, deleted } = post;
  const own = author === viewer ? "true" : undefined;
  const attrs = { id, server_id: String(serverId), type, t: String(at), is_sender: own };
  if (deleted) return node("message", { ...attrs, edit: DELETED });
  const reactions = reactionCounts(post).map(([code, count]) => node("reaction", { code, count: String(count) }));
  return node("message", attrs, [
    node("plaintext", {}, plaintext),
    ...(reactions.length > 0 ? [node("reactions", {}, reactions)] : []),
  ]);
}
