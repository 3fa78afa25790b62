import {
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  jidNormalizedUser,
  proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import * as z from "zod";
import type { ChannelFact } from "../../core/channel/fact.ts";
import type { ChannelDetails } from "../../core/command/catalog/channel.ts";
import type { Database } from "../../core/db/index.ts";
import type { Ids } from "../../core/id.ts";
import type { Logger } from "../../core/log.ts";
import { isChannelJid } from "../../core/message/recipient.ts";
import type { Lease } from "../concurrency/lease.ts";
import { Limiter } from "../concurrency/limiter.ts";
import type { Change } from "../ledger/change.ts";
import { bodyOf, type Me, toRow } from "./inbox.ts";
import { secondsOf } from "./jids.ts";

export interface ChannelSourceDeps {
  db: Database;
  instanceId: string;
  log: Logger;
  me: () => Me;
  record: (change: Change) => Promise<void>;
}

/** What `edit` of a stanza means in a channel, where a post keeps its id. */
const edited = "3";
const deleted = "8";
/** After a deploy all sessions of a host open at once, and channels post to all of them. */
const lookUps = new Limiter(4);
/** What was told of a channel within this time is not asked for again. */
const freshMs = 24 * 60 * 60_000;

/** What one connection tells of channels. Nothing in them is encrypted, so nothing of this passes the Signal repository. */
export class ChannelSource {
  readonly #deps: ChannelSourceDeps;
  readonly #seen = new Set<string>();

  constructor(deps: ChannelSourceDeps) {
    this.#deps = deps;
  }

  /**
   * What a stanza becomes: a message with its event, what it changes in one, or what it tells of channels. Undefined for one that is
   * not about them. To be recorded before Baileys acknowledges it.
   */
  journal(sock: WASocket, stanza: BinaryNode): Promise<Change> | Change | undefined {
    const { tag, attrs } = stanza;
    if (tag === "message") return isChannelJid(attrs.from ?? "") ? this.#post(sock, stanza) : undefined;
    const facts = factsIn(stanza);
    return facts.length > 0 ? { channels: facts } : undefined;
  }

  listen(sock: WASocket): void {
    sock.ev.on("newsletter-settings.update", ({ id, update }) => {
      const name = textOf(update.name);
      const description = textOf(update.description);
      this.#tell({ jid: id, ...(name !== undefined && { name }), ...(description !== undefined && { description }) });
    });
    sock.ev.on("newsletter-participants.update", ({ id, user }) => {
      const { id: own, lid } = this.#deps.me();
      if ([own, lid].some((jid) => jidNormalizedUser(jid) === jidNormalizedUser(user))) void this.#look(sock, id);
    });
  }

  #tell(fact: ChannelFact): void {
    // A failure ends the connection, or belongs to one that has ended.
    this.#deps
      .record({ channels: [fact] })
      .catch((error: unknown) => this.#deps.log.debug({ err: error }, "a channel was not kept"));
  }

  async #post(sock: WASocket, stanza: BinaryNode): Promise<Change> {
    const { from = "", id = "", edit, server_id: serverId, is_sender: isSender } = stanza.attrs;
    const { instanceId, log } = this.#deps;
    const me = this.#deps.me();
    const fromMe = isSender === "true" || (await this.#isOwn(from, id));
    const seconds = secondsOf(stanza);
    const revised = {
      waId: id,
      chatIds: [from],
      author: fromMe ? ("me" as const) : [from],
      by: fromMe ? jidNormalizedUser(me.id) : from,
      fromMe,
      at: new Date(seconds * 1000),
    };
    if (edit === deleted) return { revisions: [{ ...revised, kind: "delete" }] };
    const message = decode(stanza);
    if (!message) {
      log.warn({ correlationId: id, instanceId, waId: id }, "a message of a channel cannot be read");
      return {};
    }
    if (edit === edited) return { revisions: [{ ...revised, kind: "edit", body: bodyOf(message) }] };
    const key = { remoteJid: from, id, fromMe };
    const row = await toRow({ instanceId, me, key, pushName: null, seconds }, message, async () => null);
    const seen = this.#firstSight(sock, from);
    return {
      ...(row ? { messages: [{ ...row, context: { ...row.context, ...(serverId ? { serverId } : {}) } }] } : {}),
      ...(seen ? { channels: [seen] } : {}),
    };
  }

  /** WhatsApp may bring our own posts back without saying so. */
  async #isOwn(jid: string, waId: string): Promise<boolean> {
    const { db, instanceId } = this.#deps;
    const rows = await db.sql`
      select 1 from messages where instance_id = ${instanceId} and wa_id = ${waId} and chat_id = ${jid} and from_me`;
    return rows.length > 0;
  }

  #firstSight(sock: WASocket, jid: string): ChannelFact | undefined {
    if (this.#seen.has(jid)) return undefined;
    this.#seen.add(jid);
    void this.#lookIfStale(sock, jid);
    return { jid, seen: true };
  }

  async #lookIfStale(sock: WASocket, jid: string): Promise<void> {
    const { db, instanceId, log } = this.#deps;
    try {
      const [known] = await db.sql`
        select 1 from channels where instance_id = ${instanceId} and jid = ${jid} and name is not null
          and updated_at > clock_timestamp() - ${freshMs} * interval '1 ms'`;
      if (!known) await this.#look(sock, jid);
    } catch (error) {
      log.debug({ err: error, channel: jid }, "a channel was not looked up");
    }
  }

  async #look(sock: WASocket, jid: string): Promise<void> {
    const leave = await lookUps.enter();
    try {
      const found = detailsOf(await sock.newsletterMetadata("jid", jid));
      if (found) await this.#deps.record({ channels: [factOf(found)] });
    } catch (error) {
      this.#seen.delete(jid);
      this.#deps.log.debug({ err: error, channel: jid }, "a channel could not be read");
    } finally {
      leave();
    }
  }
}

/** Undefined for bytes that are no message: Baileys refuses it for itself. */
function decode(stanza: BinaryNode): proto.Message | undefined {
  const content = getBinaryNodeChild(stanza, "plaintext")?.content;
  if (!(content instanceof Uint8Array)) return undefined;
  try {
    return proto.Message.decode(content);
  } catch {
    return undefined;
  }
}

const textual = z.object({ text: z.string().nullish() }).nullish();
const metadata = z.object({
  id: z.string(),
  state: z.object({ type: z.string().nullish() }).nullish(),
  thread_metadata: z
    .object({
      name: textual,
      description: textual,
      invite: z.string().nullish(),
      creation_time: z.coerce.number().nullish(),
      subscribers_count: z.coerce.number().nullish(),
      verification: z.string().nullish(),
    })
    .nullish(),
  viewer_metadata: z.object({ mute: z.string().nullish(), role: z.string().nullish() }).nullish(),
});

const roles: Record<string, ChannelDetails["role"]> = { OWNER: "owner", ADMIN: "admin", SUBSCRIBER: "subscriber" };

/** WhatsApp's own description of a channel; undefined for one that is not there any more, and for anything else. */
export function detailsOf(answer: unknown): ChannelDetails | undefined {
  const { data } = metadata.safeParse(answer);
  if (!data || data.state?.type === "DELETED") return undefined;
  const { thread_metadata: thread, viewer_metadata: viewer } = data;
  return {
    id: data.id,
    name: thread?.name?.text || null,
    description: thread?.description?.text || null,
    role: roles[viewer?.role ?? ""] ?? "guest",
    muted: viewer?.mute === "ON",
    verified: thread?.verification === "VERIFIED",
    subscribers: thread?.subscribers_count ?? null,
    inviteCode: thread?.invite || null,
    createdAt: thread?.creation_time ? new Date(thread.creation_time * 1000).toISOString() : null,
  };
}

/** What the list of channels keeps of it. */
export function factOf({ id: jid, role, createdAt, ...rest }: ChannelDetails): ChannelFact {
  if (role === "guest") return { jid, gone: true };
  return { jid, role, createdAt: createdAt === null ? null : new Date(createdAt), ...rest };
}

const notices = z.object({
  xwa2_notify_newsletter_on_join: z.unknown().optional(),
  xwa2_notify_newsletter_on_leave: z.object({ id: z.string() }).optional(),
  xwa2_notify_newsletter_on_mute_change: z.object({ id: z.string(), mute: z.string() }).optional(),
  xwa2_notify_newsletter_on_state_change: z
    .object({ id: z.string(), state: z.object({ type: z.string() }).optional() })
    .optional(),
});

/** What a notification tells of what the owner did with channels on another device. Baileys makes no events of it. */
function factsIn(stanza: BinaryNode): ChannelFact[] {
  return getBinaryNodeChildren(stanza, "update").flatMap(({ content }): ChannelFact[] => {
    const data = content instanceof Uint8Array ? notices.safeParse(dataOf(content)).data : undefined;
    if (!data) return [];
    const joined = detailsOf(data.xwa2_notify_newsletter_on_join);
    const left = data.xwa2_notify_newsletter_on_leave;
    const mute = data.xwa2_notify_newsletter_on_mute_change;
    const state = data.xwa2_notify_newsletter_on_state_change;
    return [
      ...(joined ? [factOf({ ...joined, role: joined.role === "guest" ? "subscriber" : joined.role })] : []),
      ...(left ? [{ jid: left.id, gone: true as const }] : []),
      ...(mute ? [{ jid: mute.id, muted: mute.mute === "ON" }] : []),
      ...(state?.state?.type === "DELETED" ? [{ jid: state.id, gone: true as const }] : []),
    ];
  });
}

function dataOf(content: Uint8Array): unknown {
  try {
    return (JSON.parse(Buffer.from(content).toString()) as { data?: unknown }).data;
  } catch {
    // Baileys logs that it is no JSON.
    return undefined;
  }
}

/** Baileys passes texts on in two forms. */
function textOf(told: unknown): string | undefined {
  if (typeof told === "string") return told;
  return textual.safeParse(told).data?.text ?? undefined;
}

/** After an unmute that failed the next is tried so much later. */
const againMs = 5 * 60_000;

/**
 * WhatsApp's mute of a channel has no end. One that was asked for a time becomes a command to unmute when that is over and the
 * instance connected; it then goes the way of all commands. Looked for in the database, so that it outlives the host. Answers
 * whether there is one.
 */
export async function endMutes(
  { db, ids, host }: { db: Database; ids: Ids; host: string },
  lease: Lease,
): Promise<boolean> {
  // An open command for the channel may be a new mute: what it does is seen as soon as it is not open any more.
  const due = await db.sql<{ instance_id: string; user_id: string; jid: string }[]>`
    select c.instance_id, i.user_id, c.jid from channels c join instances i on i.id = c.instance_id
    where c.muted_until <= clock_timestamp() and i.shard = ${lease.grant.shard} and i.status = 'connected'
      and i.deleted_at is null
      and not exists (
        select 1 from commands where instance_id = c.instance_id and input->>'channel' = c.jid
          and created_at > clock_timestamp() - ${againMs} * interval '1 ms'
          and (name in ('channel.mute', 'channel.unmute') and status in ('queued', 'claimed')
            or name = 'channel.unmute' and status = 'failed'))
    limit 100`;
  if (due.length === 0) return false;
  const made = due.map((one) => ({ ...one, id: ids.uuid() }));
  await db.sql.begin(async (sql) => {
    await sql`select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})`;
    await sql`
      insert into commands (id, instance_id, user_id, shard, name, kind, input, status, correlation_id, deadline)
      select id, instance_id, user_id, ${lease.grant.shard}, 'channel.unmute', 'mutate', jsonb_build_object('channel', jid),
        'queued', id::text, clock_timestamp() + interval '1 minute'
      from unnest(${made.map((one) => one.id)}::uuid[], ${made.map((one) => one.instance_id)}::uuid[],
        ${made.map((one) => one.user_id)}::uuid[], ${made.map((one) => one.jid)}::text[])
        as t(id, instance_id, user_id, jid)`;
  });
  return true;
}
