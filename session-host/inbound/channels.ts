import { type BinaryNode, getBinaryNodeChild, proto, type WASocket } from "@whiskeysockets/baileys";
import type { ChannelFact } from "../../core/channel/fact.ts";
import type { Database } from "../../core/db/index.ts";
import { derivedEventId } from "../../core/event/derived-id.ts";
import type { Logger } from "../../core/log.ts";
import { findTargets } from "../../core/message/about.ts";
import { isChannelJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { plainJid, secondsOf } from "../baileys/address/jids.ts";
import { editAttribute } from "../baileys/send/edit-attribute.ts";
import { Limiter } from "../concurrency/limiter.ts";
import type { Change, Revision } from "../ledger/change.ts";
import { boundMessage, boundStanza } from "./bounds.ts";
import { detailsOf, factOf, factsIn, textOf } from "./channel-details.ts";
import { unwrap } from "./content/unwrap.ts";
import type { Ignoring } from "./ignored.ts";
import type { Me } from "./message/address.ts";
import { editFields, editOf } from "./message/edit.ts";
import { toRow } from "./message/journal.ts";
import { eventFieldsOf, ownAuthor } from "./message/note.ts";

export interface ChannelSourceDeps {
  db: Database;
  instanceId: string;
  log: Logger;
  me: () => Me;
  record: (change: Change) => Promise<void>;
  ignores: Ignoring["ignores"];
}

/**
 * Limits concurrent lookups per host. After a deployment, all sessions open together and receive posts of all their
 * channels.
 */
const lookUpLimiter = new Limiter(4);
/** Age after which the details of a channel are looked up again. Milliseconds. */
const freshMs = 24 * 60 * 60_000;

/**
 * Turns what one connection reports about channels into changes. Channel posts are not end-to-end encrypted, so
 * Baileys' `signalRepository` is not used.
 */
export class ChannelSource {
  readonly #deps: ChannelSourceDeps;
  /** Channels of which a channel post arrived on this connection. */
  readonly #seen = new Set<string>();

  constructor(deps: ChannelSourceDeps) {
    this.#deps = deps;
  }

  /**
   * Returns the change that a stanza makes: a new channel post with its event, a changed post, or facts about channels.
   * Returns undefined for a stanza that is not about channels. Record the change before Baileys acknowledges the
   * stanza.
   */
  journal(sock: WASocket, received: BinaryNode): Promise<Change> | Change | undefined {
    const stanza = boundStanza(received);
    const { tag, attrs } = stanza;
    if (tag === "message") {
      const { from = "" } = attrs;
      const isPost = isChannelJid(from) && !this.#deps.ignores({ chatIds: [from], isBroadcast: false });
      return isPost ? this.#journalPost(sock, stanza) : undefined;
    }
    const facts = factsIn(stanza);
    return facts.length > 0 ? { channels: facts } : undefined;
  }

  listen(sock: WASocket): void {
    sock.ev.on("newsletter-settings.update", ({ id, update }) => {
      this.#record({ jid: id, ...defined({ name: textOf(update.name), description: textOf(update.description) }) });
    });
    sock.ev.on("newsletter-participants.update", ({ id, user }) => {
      const { id: own, lid } = this.#deps.me();
      if ([own, lid].some((jid) => plainJid(jid) === plainJid(user))) void this.#lookUp(sock, id);
    });
  }

  #record(fact: ChannelFact): void {
    // If the change can't be stored, the connection ends, or has ended already.
    this.#deps
      .record({ channels: [fact] })
      .catch((error: unknown) => this.#deps.log.debug({ err: error }, "a channel was not stored"));
  }

  async #journalPost(sock: WASocket, stanza: BinaryNode): Promise<Change> {
    const { from = "", id = "", edit, server_id: serverId, is_sender: isSender } = stanza.attrs;
    const { instanceId, log } = this.#deps;
    const me = this.#deps.me();
    const fromMe = isSender === "true" || (await this.#isOwn(from, id));
    const seconds = secondsOf(stanza);
    const revision = {
      waId: id,
      chatIds: [from],
      author: fromMe ? ("me" as const) : [from],
      by: fromMe ? plainJid(me.id) : from,
      byLid: fromMe ? plainJid(me.lid) || null : null,
      pushName: null,
      fromMe,
      at: new Date(seconds * 1000),
    };
    if (edit === editAttribute.postDeletion) return await this.#revise({ ...revision, kind: "delete" });
    const decoded = decode(stanza);
    if (!decoded) {
      log.warn({ correlationId: id, instanceId, waId: id }, "a channel post can't be decoded");
      return {};
    }
    const { message, encoded } = decoded;
    const cuts = boundMessage(message);
    if (edit === editAttribute.postEdit) {
      const scope = { me, chatId: from, phoneOf: async () => null, lidsOf: async () => new Map<string, string>() };
      const edited = await editOf(message, scope);
      return await this.#revise({ ...revision, kind: "edit", edited, truncated: cuts.truncated });
    }
    const key = { remoteJid: from, id, fromMe };
    const origin = { instanceId, me, key, pushName: null, seconds };
    const row = await toRow(origin, { message, opened: unwrap(message, encoded), encoded, ...cuts }, async () => null);
    const context = { ...row?.context, ...defined({ serverId: serverId || undefined }) };
    const channel = this.#noteChannel(sock, from);
    return defined({ messages: row && [{ ...row, context }], channels: channel && [channel] });
  }

  /**
   * Returns the change of an edit or deletion. If the history lacks the post, for example because it is older than the
   * link, the change is an event. The post may also be about to be recorded, so the change still has the revision.
   */
  async #revise(revision: Revision): Promise<Change> {
    const { db, instanceId, record, me } = this.#deps;
    const { waId, chatIds, by, byLid, fromMe, at } = revision;
    const isKnown = async () => (await findTargets(db, instanceId, waId, chatIds)).length > 0;
    const revisions = [revision];
    if (await isKnown()) return { revisions };
    // An empty change is durable after all earlier ones.
    await record({});
    if (await isKnown()) return { revisions };
    const author = fromMe ? ownAuthor(me()) : { id: by, lid: null, fromMe };
    const about = { waId, chatIds, by, byLid, pushName: null, fromMe, at, author };
    const fields = eventFieldsOf(about, { known: false, readable: true });
    const id = derivedEventId(instanceId, "post", revision.kind, waId, at.toISOString());
    if (revision.kind === "delete") return { revisions, events: [{ id, type: "message.deleted", data: fields }] };
    const truncated = revision.truncated ? { truncated: true as const } : {};
    return {
      revisions,
      events: [{ id, type: "message.edited", data: { ...fields, ...editFields(revision.edited), ...truncated } }],
    };
  }

  /**
   * Returns whether this gateway sent the channel post. WhatsApp may deliver our own posts without the attribute
   * `is_sender`.
   */
  async #isOwn(jid: string, waId: string): Promise<boolean> {
    const { db, instanceId } = this.#deps;
    const rows = await db.sql`
      select 1 from messages where instance_id = ${instanceId} and wa_id = ${waId} and chat_id = ${jid} and from_me`;
    return rows.length > 0;
  }

  /**
   * On the first channel post that arrives from a channel on this connection, looks up the channel and returns the fact
   * that it exists.
   */
  #noteChannel(sock: WASocket, jid: string): ChannelFact | undefined {
    if (this.#seen.has(jid)) return undefined;
    this.#seen.add(jid);
    void this.#lookUpIfStale(sock, jid);
    return { jid, seen: true };
  }

  async #lookUpIfStale(sock: WASocket, jid: string): Promise<void> {
    const { db, instanceId, log } = this.#deps;
    try {
      const [known] = await db.sql`
        select 1 from channels where instance_id = ${instanceId} and jid = ${jid} and name is not null
          and updated_at > clock_timestamp() - ${freshMs} * interval '1 ms'`;
      if (!known) await this.#lookUp(sock, jid);
    } catch (error) {
      log.debug({ err: error, channel: jid }, "a channel was not looked up");
    }
  }

  async #lookUp(sock: WASocket, jid: string): Promise<void> {
    const leave = await lookUpLimiter.enter();
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

/**
 * Decodes the message of a channel post. Returns undefined if the bytes are not a message. Baileys itself rejects such
 * a stanza.
 */
function decode(stanza: BinaryNode): { message: proto.Message; encoded: Uint8Array } | undefined {
  const content = getBinaryNodeChild(stanza, "plaintext")?.content;
  if (!(content instanceof Uint8Array)) return undefined;
  try {
    return { message: proto.Message.decode(content), encoded: content };
  } catch {
    return undefined;
  }
}
