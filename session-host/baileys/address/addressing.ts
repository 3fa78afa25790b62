import {
  type AuthenticationCreds,
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildBuffer,
  getBinaryNodeChildren,
  proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import * as z from "zod";
import type { AddressingSetting } from "../../../core/config.ts";
import { isLidJid } from "../../../core/message/recipient.ts";
import { isPhoneJid, lidsOf, plainJid } from "./jids.ts";
import { lookUpLids } from "./usync.ts";

/** How a stanza names a person: by LID or by phone number. */
export type AddressKind = "lid" | "number";

/** The JID to which a stanza goes. */
export interface WireAddress {
  to: string;
  /** Undefined for a chat that is not with one person. */
  kind?: AddressKind | undefined;
  /** The phone number (as a JID) of the other person, if the stanza names the person by LID. */
  phone?: string | undefined;
  /** The JIDs of the two people in the chat, each with the JID by which the stanza names that person. */
  names: ReadonlyMap<string, string>;
  /** For a status post, or a message about one: the JIDs of the people and of the account. */
  audience?: string[] | undefined;
}

/** What determines an address besides its chat. */
export interface AddressRequest {
  /** How the person is named. Default: as stanzas of this account name people. */
  kind?: AddressKind | undefined;
  /** For a status post, or a message about one: JIDs of the people who get it. */
  audience?: readonly string[] | undefined;
}

export interface AddressingOptions {
  setting: AddressingSetting;
  creds: AuthenticationCreds;
  sock: () => WASocket;
  /** Makes the credentials durable as they are now. */
  save: () => void;
}

/** What the gateway keeps in the credentials besides what Baileys does. */
const additionalData = z.object({ lidMigrated: z.boolean() }).partial();

/**
 * WhatsApp's setting `lid_one_on_one_migration_enabled`. Source: whatsapp-rust, wacore/src/iq/abprops.rs, and
 * `latch_lid_migrated_from_props` in src/client/lid_pn.rs.
 */
const migrationProp = "9435";

/**
 * Decides whether stanzas of one account name people by LID or by phone number.
 *
 * WhatsApp moves each account from numbers to LIDs. From a moved account, WhatsApp refuses messages to a number with
 * 463 (https://github.com/WhiskeySockets/Baileys/issues/2683), and from an account that is not moved yet, messages to a
 * LID with 400 (https://github.com/oxidezap/whatsapp-rust/pull/943). Whatsmeow always uses LIDs since July 2026
 * (`SendMessage` in send.go), so an account counts as moved unless WhatsApp says otherwise.
 */
export class Addressing {
  readonly #options: AddressingOptions;

  constructor(options: AddressingOptions) {
    this.#options = options;
  }

  /** Reads from the link, and from WhatsApp's settings after each login, whether the account is moved. */
  listen({ ws }: Pick<WASocket, "ws">): void {
    ws.prependListener("CB:iq,,pair-success", (stanza: BinaryNode) => {
      const moved = movedInLink(stanza);
      if (moved !== undefined) this.#setMoved(moved);
    });
    ws.prependListener("CB:iq,,props", (stanza: BinaryNode) => {
      if (isMovedIn(stanza)) this.learn("lid");
    });
  }

  /** How stanzas of this account name people. */
  get kind(): AddressKind {
    const { setting } = this.#options;
    if (setting !== "auto") return setting;
    return this.#moved === false ? "number" : "lid";
  }

  /**
   * Returns the address of a chat. If the person's other JID is not known and WhatsApp does not return it, the person is
   * named as in `chat`.
   */
  async of(chat: string, { kind = this.kind, audience }: AddressRequest = {}): Promise<WireAddress> {
    if (audience) return { to: chat, names: new Map(), audience: (await this.audience(audience)).to };
    if (!isPhoneJid(chat) && !isLidJid(chat)) return { to: chat, names: new Map() };
    const { me } = this.#options.creds;
    const own = { lid: plainJid(me?.lid), number: plainJid(me?.id) };
    const peer = await this.#jidsOf(chat, own, kind);
    const isLid = kind === "lid" && peer.lid !== "" && own.lid !== "";
    const used = isLid || peer.number === "" ? "lid" : "number";
    const jids = [own, peer].flatMap((one) => [one.lid, one.number].map((jid): [string, string] => [jid, one[used]]));
    const names = new Map(jids.filter(([jid, name]) => jid !== "" && name !== ""));
    const phone = used === "lid" && peer.number !== "" ? peer.number : undefined;
    return { to: peer[used], kind: used, phone, names };
  }

  /** Returns the JID to which a stanza for this chat goes. */
  async jidOf(chat: string): Promise<string> {
    return (await this.of(chat)).to;
  }

  /**
   * Returns the JIDs to which a status post goes: those of its audience, and of the account itself, whose devices show
   * the post as "My status". `skipped` are people whose LID is not known and who have none at WhatsApp. WhatsApp Web
   * names the people by LID and leaves out those who have none (`WAWebEncryptAndSendStatusMsg`, in
   * https://github.com/oxidezap/whatsapp-rust/pull/568). By number, WhatsApp returns no devices
   * (https://github.com/WhiskeySockets/Baileys/issues/2794).
   */
  async audience(people: readonly string[]): Promise<{ to: string[]; skipped: string[] }> {
    const { me } = this.#options.creds;
    const own = { lid: plainJid(me?.lid), number: plainJid(me?.id) };
    if (this.kind === "number" || !own.lid) return { to: unique([...people, own.number]), skipped: [] };
    const lids = await this.#lidsOf(people.filter(isPhoneJid));
    const lidOf = (jid: string) => (isPhoneJid(jid) ? lids.get(jid) : jid);
    const skipped = people.filter((jid) => !lidOf(jid));
    return { to: unique([...people.flatMap((jid) => lidOf(jid) ?? []), own.lid]), skipped };
  }

  /**
   * Returns the person's other address, if WhatsApp refused a message with an error that may mean that the account uses
   * the other one. Otherwise returns undefined.
   */
  async afterRefusal({ to, kind }: WireAddress, error: string): Promise<WireAddress | undefined> {
    if (!this.mayBeWrong(kind, error)) return undefined;
    const other = await this.of(to, { kind: kind === "lid" ? "number" : "lid" });
    return other.to === to ? undefined : other;
  }

  /** Whether WhatsApp may have refused a message with this error because of its address. */
  mayBeWrong(kind: AddressKind | undefined, error: string): boolean {
    if (this.#options.setting !== "auto") return false;
    return (kind === "number" && error === "463") || (kind === "lid" && error === "400");
  }

  /** Keeps by which address WhatsApp accepts messages of this account. */
  learn(kind: AddressKind): void {
    const moved = kind === "lid";
    if (this.#moved === moved) return;
    this.#setMoved(moved);
    this.#options.save();
  }

  get #moved(): boolean | undefined {
    return additionalData.safeParse(this.#options.creds.additionalData).data?.lidMigrated;
  }

  #setMoved(moved: boolean): void {
    const { creds } = this.#options;
    creds.additionalData = { ...additionalData.safeParse(creds.additionalData).data, lidMigrated: moved };
  }

  /**
   * Returns the LIDs of phone numbers (as JIDs). Unlike Baileys' `getLIDsForPNs`, throws if WhatsApp does not answer,
   * because nobody may be left out for that.
   */
  async #lidsOf(numbers: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const sock = this.#options.sock();
    const known = await lidsOf(sock.authState.keys, numbers);
    const unknown = numbers.filter((number) => !known.has(number));
    if (unknown.length === 0) return known;
    const found = await lookUpLids(sock, unknown);
    await sock.signalRepository.lidMapping.storeLIDPNMappings(found);
    return new Map([...known, ...found.map(({ pn, lid }): [string, string] => [pn, lid])]);
  }

  /** Returns the JIDs of a person, empty if they are not known. Looks up the one that `kind` needs. */
  async #jidsOf(
    chat: string,
    own: Record<AddressKind, string>,
    kind: AddressKind,
  ): Promise<Record<AddressKind, string>> {
    if (chat === own.lid || chat === own.number) return own;
    const { lidMapping } = this.#options.sock().signalRepository;
    if (isLidJid(chat)) return { lid: chat, number: plainJid(await lidMapping.getPNForLID(chat)) };
    return { lid: kind === "lid" ? plainJid(await lidMapping.getLIDForPN(chat)) : "", number: chat };
  }
}

/**
 * Returns whether the phone says in `pair-success` that its account is moved. Source: `extract_pairing_props` and
 * `lid_migrated_update` of whatsapp-rust, which follow `WAWebHandlePairSuccess` of WhatsApp Web.
 */
function movedInLink(stanza: BinaryNode): boolean | undefined {
  const encoded = getBinaryNodeChildBuffer(getBinaryNodeChild(stanza, "pair-success"), "client-props");
  if (!(encoded instanceof Uint8Array)) return undefined;
  try {
    return proto.ClientPairingProps.decode(encoded).isChatDbLidMigrated === true;
  } catch {
    return undefined;
  }
}

/** Returns whether WhatsApp's settings say that the account is moved. Their absence says nothing. */
function isMovedIn(stanza: BinaryNode): boolean {
  const props = getBinaryNodeChildren(getBinaryNodeChild(stanza, "props"), "prop");
  const value = props.find(({ attrs }) => attrs.config_code === migrationProp)?.attrs.config_value;
  return value === "1" || value === "true";
}

const unique = (jids: readonly string[]): string[] => [...new Set(jids)];

/** The parts of a message's content that name people. */
interface Naming {
  key?: proto.IMessageKey | null;
  pollCreationMessageKey?: proto.IMessageKey | null;
  eventCreationMessageKey?: proto.IMessageKey | null;
  contextInfo?: proto.IContextInfo | null;
}

/**
 * Returns the message with the two people of its chat named as in its stanza. The content names people in the keys of
 * other messages and in quotes. WhatsApp Web takes these names from the chat, which has one address
 * (whatsapp-rust#943); mautrix-whatsapp takes them from its chats, which are LIDs (`messageIDToKey`).
 */
export function namedAs(message: proto.IMessage, { names }: WireAddress): proto.IMessage {
  if (names.size === 0) return message;
  const nameOf = (jid: string) => names.get(plainJid(jid)) ?? jid;
  const renamed = (key: proto.IMessageKey): proto.IMessageKey => ({
    ...key,
    ...(key.remoteJid && { remoteJid: nameOf(key.remoteJid) }),
    ...(key.participant && { participant: nameOf(key.participant) }),
  });
  const parts = Object.entries(message).map(([field, value]: [string, Naming | string | null]) => {
    if (!value || typeof value !== "object") return [field, value];
    const { key, pollCreationMessageKey, eventCreationMessageKey, contextInfo } = value;
    const participant = contextInfo?.participant;
    const changed = {
      ...(key && { key: renamed(key) }),
      ...(pollCreationMessageKey && { pollCreationMessageKey: renamed(pollCreationMessageKey) }),
      ...(eventCreationMessageKey && { eventCreationMessageKey: renamed(eventCreationMessageKey) }),
      ...(participant && { contextInfo: { ...contextInfo, participant: nameOf(participant) } }),
    };
    return [field, Object.keys(changed).length > 0 ? { ...value, ...changed } : value];
  });
  return Object.fromEntries(parts);
}
