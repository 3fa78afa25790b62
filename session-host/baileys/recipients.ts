import { type GroupMetadata, jidNormalizedUser, type WASocket } from "@whiskeysockets/baileys";
import { isChannelJid, isGroupJid } from "../../core/message/recipient.ts";

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
   * Returns the JIDs to which the next message to this chat is encrypted: the people, by each JID that is known, and
   * their devices. The JID of a person is also the JID of the person's phone. Returns an empty list for a channel,
   * whose posts are not encrypted.
   *
   * Baileys doesn't report the devices, so this function makes the lookups of Baileys' `relayMessage`
   * (Socket/messages-send.ts). Baileys then takes the device lists from its cache, and the group from `groupMetadata`.
   */
  async of(jid: string, audience: readonly string[] | undefined): Promise<string[]> {
    if (isChannelJid(jid)) return [];
    const sock = this.#socket();
    const own = [sock.user?.id, sock.user?.lid].map((id) => jidNormalizedUser(id)).filter(Boolean);
    const people = audience ? addressees(sock, audience) : isGroupJid(jid) ? await this.#membersOf(jid) : [jid];
    const asked = isGroupJid(jid) || audience ? people : [ownJidFor(jid, sock), jid];
    const devices = await sock.getUSyncDevices(asked, true, false);
    return [...new Set([...people, ...own, ...devices.map((device) => device.jid)])];
  }

  /** Returns the metadata that `of` read for a group, once. Baileys reads the metadata itself if this is undefined. */
  readonly groupMetadata = async (jid: string): Promise<GroupMetadata | undefined> => {
    const metadata = this.#read.get(jid);
    this.#read.delete(jid);
    return metadata;
  };

  async #membersOf(group: string): Promise<string[]> {
    const metadata = await this.#socket().groupMetadata(group);
    this.#read.set(group, metadata);
    return metadata.participants.flatMap(({ id, phoneNumber, lid }) =>
      [id, phoneNumber, lid].filter((jid) => jid !== undefined).map((jid) => jidNormalizedUser(jid)),
    );
  }
}

/** Returns the account's JID that Baileys uses in a direct chat. */
function ownJidFor(jid: string, sock: WASocket): string {
  const { id, lid } = sock.user ?? {};
  return jidNormalizedUser(jid.endsWith("@lid") && lid ? lid : id);
}
