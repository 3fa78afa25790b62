import {
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import { type ChannelDetails, type ChannelPost, maxChannelPosts } from "../../core/command/catalog/channel.ts";
import type { CommandInput, CommandName, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import type { FoundMessage } from "../../core/message/find.ts";
import { isChannelJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { editAttribute } from "../baileys/send/edit-attribute.ts";
import { detailsOf, factOf } from "../inbound/channel-details.ts";
import { bodyOf } from "../inbound/message/content.ts";
import { answerOf, onlyOnce } from "./answer.ts";
import { readPicture } from "./profile.ts";
import { ExecutorResult } from "./result.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

type Name = Extract<CommandName, `channel.${string}`>;
type Answer<Command extends Name> = Promise<ExecutorResult<CommandOutput<Command>>>;

const notFound = new AppError("channel_not_found");
const notAllowed = new AppError(
  "forbidden",
  "WhatsApp allows this only to followers of the channel, and some actions only to its admins or its owner",
);
const meanings = { 401: notAllowed, 403: notAllowed, 404: notFound, 405: notAllowed, 410: notFound };

export async function create(
  context: MutationContext,
  { name, description, ...source }: CommandInput<"channel.create">,
): Answer<"channel.create"> {
  const { sock } = context;
  // Reads the file before the channel is created, because the file may be unusable.
  const hasSource = source.url !== undefined || source.upload !== undefined;
  const picture = hasSource ? await readPicture(context, source) : undefined;
  const created = await onlyOnce(graphqlAnswer(sock.newsletterCreate(name, description)), meanings);
  const channel: ChannelDetails = {
    id: created.id,
    name: created.name ?? name,
    description: created.description || null,
    role: "owner",
    muted: created.mute_state === "ON",
    verified: created.verification === "VERIFIED",
    subscribers: created.subscribers ?? null,
    inviteCode: created.invite ?? null,
    createdAt: created.creation_time ? new Date(created.creation_time * 1000).toISOString() : null,
  };
  // Not Baileys' `newsletterUpdatePicture`, which sends the same but needs a library to resize the picture.
  const hasPicture =
    picture !== undefined &&
    (await answerOf(
      graphqlAnswer(sock.newsletterUpdate(channel.id, { picture: picture.toString("base64") })),
      meanings,
    ).then(
      () => true,
      () => false,
    ));
  return new ExecutorResult({ channel, hasPicture }, { channels: [factOf(channel)] });
}

export async function get({ sock }: ConnectedContext, { channel }: CommandInput<"channel.get">): Answer<"channel.get"> {
  const found = await lookUp(sock, channel);
  return new ExecutorResult(found, { channels: [factOf(found)] });
}

export async function follow(
  { sock }: MutationContext,
  { channel }: CommandInput<"channel.follow">,
): Answer<"channel.follow"> {
  const { id } = await lookUp(sock, channel);
  await answerOf(graphqlAnswer(sock.newsletterFollow(id)), meanings);
  const followed = await lookUp(sock, id);
  return new ExecutorResult(followed, { channels: [factOf(followed)] });
}

export async function unfollow(
  { sock }: MutationContext,
  { channel }: CommandInput<"channel.unfollow">,
): Answer<"channel.unfollow"> {
  await answerOf(graphqlAnswer(sock.newsletterUnfollow(channel)), meanings).catch(async (error: unknown) => {
    // WhatsApp also refuses if the account does not follow the channel. That is the requested state, so it counts as
    // success.
    if (error !== notAllowed || (await lookUp(sock, channel)).role !== "guest") throw error;
  });
  return new ExecutorResult({}, { channels: [{ jid: channel, gone: true }] });
}

export async function mute(
  { sock }: MutationContext,
  { channel, duration }: CommandInput<"channel.mute">,
): Answer<"channel.mute"> {
  await answerOf(graphqlAnswer(sock.newsletterMute(channel)), meanings);
  const mutedUntil = duration === undefined ? null : new Date(Date.now() + duration * 1000);
  return new ExecutorResult(
    { mutedUntil: mutedUntil?.toISOString() ?? null },
    {
      channels: [
        { jid: channel, seen: true },
        { jid: channel, muted: true, mutedUntil },
      ],
    },
  );
}

export async function unmute(
  { sock }: MutationContext,
  { channel }: CommandInput<"channel.unmute">,
): Answer<"channel.unmute"> {
  await answerOf(graphqlAnswer(sock.newsletterUnmute(channel)), meanings);
  return new ExecutorResult({}, { channels: [{ jid: channel, muted: false }] });
}

export async function update(
  { sock }: MutationContext,
  { channel, name, description }: CommandInput<"channel.update">,
): Answer<"channel.update"> {
  const set = defined({ name, description });
  await answerOf(graphqlAnswer(sock.newsletterUpdate(channel, set)), meanings);
  return new ExecutorResult({}, { channels: [{ jid: channel, ...set }] });
}

export async function remove(
  { sock }: MutationContext,
  { channel }: CommandInput<"channel.delete">,
): Answer<"channel.delete"> {
  await onlyOnce(graphqlAnswer(sock.newsletterDelete(channel)), meanings);
  return new ExecutorResult({}, { channels: [{ jid: channel, gone: true }] });
}

export async function messages(
  context: ConnectedContext,
  { channel, limit, after }: CommandInput<"channel.messages">,
): Promise<CommandOutput<"channel.messages">> {
  const posts = await fetchPosts(context.sock, channel, limit, after);
  const withoutText = posts.filter((post) => post.body === null).map((post) => post.messageId);
  if (withoutText.length > 0) {
    const rows = await context.db.sql<{ wa_id: string; body: string }[]>`
      select wa_id, body from messages
      where instance_id = ${context.instanceId} and chat_id = ${channel} and wa_id = any(${withoutText}::text[])`;
    const known = new Map(rows.map((row) => [row.wa_id, row.body]));
    for (const post of posts) post.body ??= known.get(post.messageId) ?? null;
  }
  return { messages: posts.sort((a, b) => b.serverId - a.serverId) };
}

/**
 * Reacts to a channel post. An empty emoji removes the reaction. `waId` is the id of the reaction. Throws
 * `message_not_found`.
 */
export async function reactToPost(
  { sock }: MutationContext,
  row: Pick<FoundMessage, "waId" | "chatId" | "context">,
  waId: string,
  emoji: string,
): Promise<void> {
  const serverId = row.context?.serverId ?? (await serverIdOf(sock, row));
  // Not Baileys' `newsletterReactMessage`, which makes a new reaction id on each attempt and ignores the answer.
  const { attrs } = await answerOf(
    sock.query({
      tag: "message",
      attrs: {
        to: row.chatId,
        ...(emoji ? {} : { edit: editAttribute.ownDeletion }),
        type: "reaction",
        server_id: serverId,
        id: waId,
      },
      content: [{ tag: "reaction", attrs: emoji ? { code: emoji } : {} }],
    }) as Promise<BinaryNode>,
    meanings,
  );
  if (attrs.error === "404") throw new AppError("message_not_found");
  if (attrs.error) throw new AppError("whatsapp_error", `WhatsApp refused the reaction with error ${attrs.error}`);
}

/**
 * Looks up the server id of a channel post. WhatsApp sends the server id together with the post, but not to the author.
 */
async function serverIdOf(sock: WASocket, row: Pick<FoundMessage, "waId" | "chatId">): Promise<string> {
  const posts = await fetchPosts(sock, row.chatId, maxChannelPosts);
  const found = posts.find((post) => post.messageId === row.waId);
  if (!found)
    throw new AppError("message_not_found", `the message is not among the newest ${maxChannelPosts} of the channel`);
  return String(found.serverId);
}

/** Returns the details of a channel by its JID or invite code. Throws `channel_not_found`. */
async function lookUp(sock: WASocket, jidOrInvite: string): Promise<ChannelDetails> {
  const type = isChannelJid(jidOrInvite) ? "jid" : "invite";
  const found = detailsOf(await answerOf(graphqlAnswer(sock.newsletterMetadata(type, jidOrInvite)), meanings));
  if (!found) throw notFound;
  return found;
}

async function fetchPosts(sock: WASocket, jid: string, count: number, after?: number): Promise<ChannelPost[]> {
  // The types of Baileys require a time, but with a time, WhatsApp returns only the changes since then.
  const noTime = undefined as unknown as number;
  const answer: BinaryNode = await answerOf(sock.newsletterFetchMessages(jid, count, noTime, after ?? 0), meanings);
  const updates = getBinaryNodeChild(answer, "message_updates");
  const holder = getBinaryNodeChild(updates, "messages") ?? updates;
  return getBinaryNodeChildren(holder, "message").flatMap((node) => postOf(node) ?? []);
}

function postOf(node: BinaryNode): ChannelPost | undefined {
  const { id, server_id: serverId, type, t, is_sender: isSender, edit } = node.attrs;
  if (!id || !serverId || edit === editAttribute.postDeletion) return undefined;
  const seconds = Number(t);
  const views = getBinaryNodeChild(node, "views_count")?.attrs.count;
  const reactions = getBinaryNodeChildren(getBinaryNodeChild(node, "reactions"), "reaction");
  return {
    messageId: id,
    serverId: Number(serverId),
    type: type ?? "text",
    body: textIn(node),
    timestamp: seconds > 0 ? new Date(seconds * 1000).toISOString() : null,
    fromMe: isSender === "true",
    views: views === undefined ? null : Number(views),
    reactions: reactions.map(({ attrs }) => ({ emoji: attrs.code ?? "", count: Number(attrs.count ?? 0) })),
  };
}

function textIn(node: BinaryNode): string | null {
  const content = getBinaryNodeChild(node, "plaintext")?.content;
  if (!(content instanceof Uint8Array)) return null;
  try {
    return bodyOf(proto.Message.decode(content));
  } catch {
    // The content can't be decoded, so the channel post is returned without its text.
    return null;
  }
}

/** Converts a refusal by WhatsApp's GraphQL interface to the form of other refusals, with the code in `data`. */
async function graphqlAnswer<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { data } = error as { data?: { extensions?: { error_code?: unknown } } };
    const code = Number(data?.extensions?.error_code);
    if (!Number.isInteger(code)) throw error;
    throw Object.assign(new Error((error as Error).message, { cause: error }), { data: code });
  }
}
