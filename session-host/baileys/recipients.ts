import { type GroupMetadata, jidNormalizedUser, type WASocket } from "@whiskeysockets/baileys";
import { isChannelJid, isGroupJid } from "../../core/message/recipient.ts";
import type { RecipientList } from "../ledger/change.ts";
import { personOf } from "./jids.ts";

/**
 * How long Baileys uses a device list before it reads the list from WhatsApp again, in milliseconds (7.0.0-rc14,
 * `DEFAULT_CACHE_TTLS` in `Defaults/index.js`).
 */
export const deviceListMs = 5 * 60_000;

/**
 * Returns the JIDs to which a status post is sent: its audience, and the account itself, whose devices show it as "My
 * status".
 */
export const addressees = (sock: WASocket, audience: readonly string[]): string[] => [
  ...new Set([...audience, jidNormalizedUser(sock.user?.id)]),
];

/** Finds out who gets a message, immediately before Baileys encrypts it. */
export class Recipients {
  readonly #socket: () => WASocket;
  /** The group metadata that was read for the message that Baileys encrypts next. */
  readonly #read = new Map<string, GroupMetadata>();

  constructor(socket: () => WASocket) {
    this.#socket = socket;
  }

  /**
   * Returns who gets the next message to this chat.
   *
   * Baileys doesn't report the devices, so this function makes the lookups of Baileys' `relayMessage`
   * (Socket/messages-send.ts). Baileys then takes the device lists from its cache, and the group from `groupMetadata`.
   */
  async of(jid: string, audience: readonly string[] | undefined): Promise<RecipientList> {
    if (isChannelJid(jid)) return { jids: [], people: [] };
    const sock = this.#socket();
    const own = [sock.user?.id, sock.user?.lid].map((id) => jidNormalizedUser(id)).filter(Boolean);
    const members = isGroupJid(jid) && !audience ? await this.#membersOf(jid) : [];
    const people = audience ? addressees(sock, audience) : isGroupJid(jid) ? members.flat() : [jid];
    const asked = isGroupJid(jid) || audience ? people : [ownJidFor(jid, sock), jid];
    const devices = await sock.getUSyncDevices(asked, true, false);
    return {
      jids: [...new Set([...people, ...own, ...devices.map((device) => device.jid)])],
      people: members.filter((names) => !names.some((name) => own.includes(name))).map(listEntry),
    };
  }

  /** Returns the metadata that `of` read for a group, once. Baileys reads the metadata itself if this is undefined. */
  readonly groupMetadata = async (jid: string): Promise<GroupMetadata | undefined> => {
    const metadata = this.#read.get(jid);
    this.#read.delete(jid);
    return metadata;
  };

  /** Returns the JIDs of each member. */
  async #membersOf(group: string): Promise<string[][]> {
    const metadata = await this.#socket().groupMetadata(group);
    this.#read.set(group, metadata);
    return metadata.participants.map(({ id, phoneNumber, lid }) =>
      [id, phoneNumber, lid].filter((jid) => jid !== undefined).map((jid) => jidNormalizedUser(jid)),
    );
  }
}

/** Returns the entry of a member in `RecipientList.people`. */
function listEntry(names: readonly string[]): string {
  const person = personOf(...names);
  return person ? [...new Set([person.id, person.lid ?? person.id])].join(" ") : "";
}

/** Returns the account's JID that Baileys uses in a direct chat. */
function ownJidFor(jid: string, sock: WASocket): string {
  const { id, lid } = sock.user ?? {};
  return jidNormalizedUser(jid.endsWith("@lid") && lid ? lid : id);
}
