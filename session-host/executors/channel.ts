import {
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  normalizeMessageContent,
  proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import { type ChannelDetails, type ChannelPost, maxChannelPosts } from "../../core/command/catalog/channel.ts";
import type { CommandInput, CommandName, CommandOutput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import type { FoundMessage } from "../../core/message/find.ts";
import { isChannelJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { detailsOf, factOf } from "../inbound/channel-details.ts";
import { bodyOf } from "../inbound/message/content.ts";
import { answerOf, onlyOnce } from "./answer.ts";
import { pictureOf } from "./profile.ts";
import { ExecutorResult } from "./result.ts";
import type { ConnectedContext, MutationContext } from "./types.ts";

type Name = Extract<CommandName, `channel.${string}`>;
type Answer<Command extends Name> = Promise<ExecutorResult<CommandOutput<Command>>>;

const notFound = new AppError("channel_not_found");
const notAllowed = new AppError(
  "forbidden",
  "WhatsApp allows this to followers of the channel only, and some actions to its admins or its owner only",
);
const meanings = { 401: notAllowed, 403: notAllowed, 404: notFound, 405: notAllowed, 410: notFound };

export async function create(
  context: MutationContext,
  { name, description, ...source }: CommandInput<"channel.create">,
): Answer<"channel.create"> {
  const { sock } = context;
  // Before the channel is made, because the file may be unusable.
  const hasSource = source.url !== undefined || source.upload !== undefined;
  const picture = hasSource ? await pictureOf(context, source) : undefined;
  const made = await onlyOnce(graphqlAnswer(sock.newsletterCreate(name, description)), meanings);
  const channel: ChannelDetails = {
    id: made.id,
    name: made.name ?? name,
    description: made.description || null,
    role: "owner",
    muted: made.mute_state === "ON",
    verified: made.verification === "VERIFIED",
    subscribers: made.subscribers ?? null,
    inviteCode: made.invite ?? null,
    createdAt: made.creation_time ? new Date(made.creation_time * 1000).toISOString() : null,
  };
  // Not `newsletterUpdatePicture`: it sends the same, but needs a library to resize the picture.
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
    // WhatsApp also refuses if the account does not follow the channel, which is what was asked for.
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

/** Reacts to a channel post; an empty emoji removes the reaction. `waId` is the id of the reaction. Throws `message_not_found`. */
export async function reactToPost(
  { sock }: MutationContext,
  row: Pick<FoundMessage, "waId" | "chatId" | "context">,
  waId: string,
  emoji: string,
): Promise<void> {
  const serverId = row.context?.serverId ?? (await serverIdOf(sock, row));
  // Not `newsletterReactMessage`: it makes a new reaction id on each attempt and ignores the answer.
  const { attrs } = await answerOf(
    sock.query({
      tag: "message",
      attrs: { to: row.chatId, ...(emoji ? {} : { edit: "7" }), type: "reaction", server_id: serverId, id: waId },
      content: [{ tag: "reaction", attrs: emoji ? { code: emoji } : {} }],
    }) as Promise<BinaryNode>,
    meanings,
  );
  if (attrs.error === "404") throw new AppError("message_not_found");
  if (attrs.error) throw new AppError("whatsapp_error", `WhatsApp refused the reaction with error ${attrs.error}`);
}

/** Looks up the server id of a post: WhatsApp sends it along with a post, but not to the author. */
async function serverIdOf(sock: WASocket, row: Pick<FoundMessage, "waId" | "chatId">): Promise<string> {
  const posts = await fetchPosts(sock, row.chatId, maxChannelPosts);
  const found = posts.find((post) => post.messageId === row.waId);
  if (!found)
    throw new AppError("message_not_found", `the message is not among the newest ${maxChannelPosts} of the channel`);
  return String(found.serverId);
}

/** Throws `channel_not_found`. */
async function lookUp(sock: WASocket, name: string): Promise<ChannelDetails> {
  const type = isChannelJid(name) ? "jid" : "invite";
  const found = detailsOf(await answerOf(graphqlAnswer(sock.newsletterMetadata(type, name)), meanings));
  if (!found) throw notFound;
  return found;
}

async function fetchPosts(sock: WASocket, jid: string, count: number, after?: number): Promise<ChannelPost[]> {
  // Baileys' types require a time here, which would make WhatsApp return only changes since then.
  const noTime = undefined as unknown as number;
  const answer: BinaryNode = await answerOf(sock.newsletterFetchMessages(jid, count, noTime, after ?? 0), meanings);
  const updates = getBinaryNodeChild(answer, "message_updates");
  const holder = getBinaryNodeChild(updates, "messages") ?? updates;
  return getBinaryNodeChildren(holder, "message").flatMap((one) => postOf(one) ?? []);
}

function postOf(node: BinaryNode): ChannelPost | undefined {
  const { id, server_id: serverId, type, t, is_sender: isSender, edit } = node.attrs;
  if (!id || !serverId || edit === "8") return undefined;
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
    return bodyOf(normalizeMessageContent(proto.Message.decode(content)) ?? {});
  } catch {
    // The post is shown without its text.
    return null;
  }
}

/** Turns a refusal by WhatsApp's GraphQL into the form of other refusals, with the code in `data`. */
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
