import { type Channel, type Post, reactionCounts } from "../model/channel.ts";
import * as change from "../stanza/channel/change.ts";
import { Refusal } from "../stanza/errors.ts";
import { routeMessage } from "../stanza/message/route.ts";
import { proto } from "../wire/baileys.ts";
import { readContent } from "../wire/content.ts";
import { isChannelJid } from "../wire/jid.ts";
import { type BinaryNode, bytes, child, node } from "../wire/node.ts";
import type { PhoneBase } from "./base.ts";
import { untouched } from "./mailbox/fate.ts";
import type { InboxMessage } from "./mailbox/inbox.ts";
import { newMessageId } from "./mailbox/message-id.ts";

/** A channel post that a phone shows. */
export type PostView = {
  id: string;
  serverId: number;
  kind: string;
  text: string | undefined;
  /** The number of reactions with each emoji. */
  reactions: Record<string, number>;
};

/** The channels of a phone. The methods throw `Refusal` if WhatsApp refuses the change. */
export class PhoneChannels {
  readonly #phone: PhoneBase;

  constructor(phone: PhoneBase) {
    this.#phone = phone;
  }

  /** The channels that the account follows or owns. */
  get followed(): Channel[] {
    return [...this.#phone.world.channels.values()].filter(({ followers }) => followers.has(this.#phone.account));
  }

  create(name: string, description?: string): Channel {
    return change.createChannel(this.#phone.world, this.#phone.account, name, description);
  }

  follow(jidOrInviteCode: string): Channel {
    const channel = this.find(jidOrInviteCode);
    change.follow(this.#phone.world, this.#phone.account, channel);
    return channel;
  }

  unfollow(jid: string): void {
    const channel = this.find(jid);
    if (channel.isOwner(this.#phone.account)) throw new Refusal(403, "the owner cannot unfollow the channel");
    change.unfollow(this.#phone.world, this.#phone.account, channel);
  }

  setMuted(jid: string, muted: boolean): void {
    change.setMuted(this.#phone.world, this.#phone.account, this.find(jid), muted);
  }

  isMuted(jid: string): boolean {
    return this.find(jid).muted.has(this.#phone.account);
  }

  rename(jid: string, texts: { name?: string; description?: string }): void {
    change.rename(this.#phone.world, this.#owned(jid), texts);
  }

  /** Makes a follower an admin. */
  promote(jid: string, number: string): void {
    const account = this.#phone.world.accounts.get(number);
    const channel = this.#owned(jid);
    if (!account || !channel.followers.has(account)) throw new Refusal(404, `${number} does not follow ${jid}`);
    change.promote(this.#phone.world, channel, account);
  }

  remove(jid: string): void {
    change.removeChannel(this.#phone.world, this.#owned(jid));
  }

  /** Publishes a text or another message in a channel. Returns the id of the channel post. */
  post(jid: string, message: string | proto.IMessage, id = newMessageId()): string {
    const content = typeof message === "string" ? { conversation: message } : message;
    const type = typeof message === "string" ? "text" : "media";
    this.#post(jid, { id, type }, Buffer.from(proto.Message.encode(content).finish()));
    return id;
  }

  /**
   * Stores an image on the media host, unencrypted like all channel media, and publishes a channel post with the image.
   * Returns the id of the post.
   */
  postImage(jid: string, image: Buffer, caption?: string): string {
    const { world } = this.#phone;
    const directPath = world.media.put("newsletter-image", image);
    const fileSha256 = Buffer.from((directPath.split("/").at(-1) ?? "").split(".")[0] ?? "", "base64url");
    const imageMessage = {
      directPath,
      url: world.media.url(directPath),
      mimetype: "image/jpeg",
      fileSha256,
      fileLength: image.length,
      ...(caption !== undefined && { caption }),
    };
    return this.post(jid, { imageMessage });
  }

  edit(jid: string, id: string, text: string): void {
    const plaintext = Buffer.from(proto.Message.encode({ conversation: text }).finish());
    this.#post(jid, { id, type: "text", edit: "3" }, plaintext);
  }

  revoke(jid: string, id: string): void {
    this.#post(jid, { id, type: "text", edit: "8" }, Buffer.alloc(0));
  }

  /** Reacts to a channel post. An empty emoji removes the reaction. */
  react(jid: string, id: string, emoji: string): void {
    const post = this.find(jid).posts.find((candidate) => candidate.id === id);
    const attrs = { to: jid, id: newMessageId(), type: "reaction", server_id: String(post?.serverId) };
    this.#route(node("message", attrs, [node("reaction", emoji ? { code: emoji } : {})]));
  }

  /** The posts of a channel that are not deleted, oldest first. */
  posts(jid: string): PostView[] {
    return this.find(jid)
      .posts.filter(({ deleted }) => !deleted)
      .map(postView);
  }

  /** Returns any channel. Throws if no channel has this JID or invite code. */
  find(jidOrInviteCode: string): Channel {
    const channels = [...this.#phone.world.channels.values()];
    const found = channels.find(({ jid, inviteCode }) => [jid, inviteCode].includes(jidOrInviteCode));
    if (!found) throw new Error(`the channel ${jidOrInviteCode} does not exist`);
    return found;
  }

  #owned(jid: string): Channel {
    const channel = this.find(jid);
    if (!channel.isOwner(this.#phone.account)) throw new Refusal(403, `this phone does not own ${jid}`);
    return channel;
  }

  #post(to: string, attrs: Record<string, string>, plaintext: Buffer): void {
    const kind = readContent(proto.Message.decode(plaintext)).media?.kind;
    this.#route(node("message", { ...attrs, to }, [node("plaintext", { mediatype: kind }, plaintext)]));
  }

  #route(stanza: BinaryNode): void {
    const rejection = routeMessage(this.#phone.world, this.#phone, stanza);
    if (rejection) throw new Refusal(rejection.code, rejection.reason);
  }

  /**
   * Handles a stanza from a channel: adds a new channel post to the inbox, or edits or deletes a known post there.
   * Returns false if the stanza is not from a channel.
   */
  receive(stanza: BinaryNode): boolean {
    const { from = "", id = "", edit, is_sender: own } = stanza.attrs;
    if (!isChannelJid(from)) return false;
    const { inbox, world } = this.#phone;
    const known = inbox.find(from, from, id);
    if (edit === "8") {
      if (known) known.deleted = true;
      return true;
    }
    const message = proto.Message.decode(bytes(child(stanza, "plaintext")) ?? Buffer.alloc(0));
    if (edit === "3") {
      if (known) Object.assign(known, { text: readContent(message).text, edited: true });
      return true;
    }
    const received: InboxMessage = {
      ...readContent(message),
      id,
      chat: from,
      from,
      fromLid: "",
      fromDevice: 0,
      fromMe: own === "true",
      pushName: undefined,
      timestamp: Number(stanza.attrs.t),
      addressing: "lid",
      message,
      copies: 1,
      receivedAt: world.clock(),
      read: false,
      replyTo: { to: from, participant: undefined },
      ...untouched(),
    };
    inbox.add(received);
    return true;
  }
}

export function postView(post: Post): PostView {
  const { kind, text } = readContent(proto.Message.decode(post.plaintext));
  return { id: post.id, serverId: post.serverId, kind, text, reactions: Object.fromEntries(reactionCounts(post)) };
}
