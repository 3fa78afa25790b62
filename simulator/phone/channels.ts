import {
  type Channel,
  createChannel,
  follow,
  isChannelJid,
  type Post,
  promote,
  removeChannel,
  rename,
  setMuted,
  unfollow,
} from "../model/channel.ts";
import { Refusal } from "../stanza/iq.ts";
import { routeMessage } from "../stanza/message/message.ts";
import { proto } from "../wire/baileys.ts";
import { readContent } from "../wire/content.ts";
import { type BinaryNode, bytes, child, node } from "../wire/node.ts";
import { untouched } from "./mailbox/fate.ts";
import type { InboxMessage } from "./mailbox/inbox.ts";
import type { Phone } from "./phone.ts";
import { newMessageId } from "./sender.ts";

/** A post as a phone shows it. */
export type PostView = {
  id: string;
  serverId: number;
  kind: string;
  text: string | undefined;
  /** How many gave which. */
  reactions: Record<string, number>;
};

/** The channels of a phone. What WhatsApp refuses throws `Refusal`. */
export class PhoneChannels {
  readonly #phone: Phone;

  constructor(phone: Phone) {
    this.#phone = phone;
  }

  /** What it follows or runs. */
  get followed(): Channel[] {
    return [...this.#phone.world.channels.values()].filter(({ followers }) => followers.has(this.#phone.account));
  }

  create(name: string, description?: string): Channel {
    return createChannel(this.#phone.world, this.#phone.account, name, description);
  }

  /** @param which a JID or an invite code. */
  follow(which: string): Channel {
    const channel = this.find(which);
    follow(this.#phone.world, this.#phone.account, channel);
    return channel;
  }

  unfollow(jid: string): void {
    const channel = this.find(jid);
    if (channel.followers.get(this.#phone.account) === "owner") throw new Refusal(403, "an owner cannot leave");
    unfollow(this.#phone.world, this.#phone.account, channel);
  }

  setMuted(jid: string, muted: boolean): void {
    setMuted(this.#phone.world, this.#phone.account, this.find(jid), muted);
  }

  isMuted(jid: string): boolean {
    return this.find(jid).muted.has(this.#phone.account);
  }

  rename(jid: string, change: { name?: string; description?: string }): void {
    rename(this.#phone.world, this.#owned(jid), change);
  }

  /** Lets a follower post. */
  promote(jid: string, number: string): void {
    const account = this.#phone.world.accounts.get(number);
    const channel = this.#owned(jid);
    if (!account || !channel.followers.has(account)) throw new Refusal(404, `${number} does not follow ${jid}`);
    promote(this.#phone.world, channel, account);
  }

  remove(jid: string): void {
    removeChannel(this.#phone.world, this.#owned(jid));
  }

  /** @returns the id of the post. */
  post(jid: string, message: string | proto.IMessage, id = newMessageId()): string {
    const content = typeof message === "string" ? { conversation: message } : message;
    const type = typeof message === "string" ? "text" : "media";
    this.#say(jid, { id, type }, Buffer.from(proto.Message.encode(content).finish()));
    return id;
  }

  /** Puts the file on the media host, in the clear as all of a channel, and posts what points to it. */
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
    this.#say(jid, { id, type: "text", edit: "3" }, plaintext);
  }

  revoke(jid: string, id: string): void {
    this.#say(jid, { id, type: "text", edit: "8" }, Buffer.alloc(0));
  }

  /** An empty emoji takes the reaction back. */
  react(jid: string, id: string, emoji: string): void {
    const post = this.find(jid).posts.find((one) => one.id === id);
    const attrs = { to: jid, id: newMessageId(), type: "reaction", server_id: String(post?.serverId) };
    this.#route(node("message", attrs, [node("reaction", emoji ? { code: emoji } : {})]));
  }

  /** The posts of a channel, oldest first. */
  posts(jid: string): PostView[] {
    return this.find(jid)
      .posts.filter(({ deleted }) => !deleted)
      .map(postView);
  }

  /** @param which a JID or an invite code. @throws when there is none. */
  find(which: string): Channel {
    const { channels } = this.#phone.world;
    const found = channels.get(which) ?? [...channels.values()].find(({ inviteCode }) => inviteCode === which);
    if (!found) throw new Error(`there is no channel ${which}`);
    return found;
  }

  #owned(jid: string): Channel {
    const channel = this.find(jid);
    if (channel.followers.get(this.#phone.account) !== "owner") throw new Refusal(403, `${jid} is not this phone's`);
    return channel;
  }

  #say(to: string, attrs: Record<string, string>, plaintext: Buffer): void {
    const kind = readContent(proto.Message.decode(plaintext)).media?.kind;
    this.#route(node("message", { ...attrs, to }, [node("plaintext", { mediatype: kind }, plaintext)]));
  }

  #route(stanza: BinaryNode): void {
    const rejection = routeMessage(this.#phone.world, this.#phone, stanza);
    if (rejection) throw new Refusal(rejection.code, rejection.reason);
  }

  /** Shows what came from a channel; false for a stanza that did not. */
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

export function postView({ id, serverId, plaintext, reactions }: Post): PostView {
  const { kind, text } = readContent(proto.Message.decode(plaintext));
  const counts = Map.groupBy(reactions.values(), (emoji) => emoji);
  return {
    id,
    serverId,
    kind,
    text,
    reactions: Object.fromEntries([...counts].map(([emoji, given]) => [emoji, given.length])),
  };
}
