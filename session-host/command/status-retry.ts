import {
  areJidsSameUser,
  type BinaryNode,
  getBinaryNodeChild,
  jidNormalizedUser,
  type proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import type { Database } from "../../core/db/index.ts";
import type { Logger } from "../../core/log.ts";
import { readAudience, statusChat } from "../../core/message/status.ts";

/**
 * Returns the JIDs to which a status post is sent: its audience, and the account itself, whose devices show it as "My
 * status".
 */
export const addressees = (sock: WASocket, audience: readonly string[]): string[] => [
  ...new Set([...audience, jidNormalizedUser(sock.user?.id)]),
];

/** Maximum number of retries, as in WhatsApp's clients. */
const maxRetries = 5;

export interface StatusRetryDeps {
  sock: WASocket;
  db: Database;
  instanceId: string;
  log: Logger;
  /** Returns the message that was sent with this id. */
  findSent: (waId: string) => Promise<proto.IMessage | undefined>;
}

/** Returns whether a receipt asks for a status post again. */
export const isStatusRetry = ({ attrs }: BinaryNode) => attrs.from === statusChat && attrs.type === "retry";

/**
 * Sends a status post, or the deletion of a status post, again to a device that could not decrypt it. Baileys
 * (7.0.0-rc14) would send the message with an empty audience. Ignores devices of people outside the audience.
 */
export async function resendStatus(deps: StatusRetryDeps, receipt: BinaryNode): Promise<void> {
  const { sock, db, instanceId, log } = deps;
  const { id, participant } = receipt.attrs;
  const count = Number(getBinaryNodeChild(receipt, "retry")?.attrs.count ?? 1);
  if (!id || !participant || !(count <= maxRetries)) return;
  try {
    const message = await deps.findSent(id);
    if (!message) return;
    const postId = message.protocolMessage?.key?.id ?? id;
    const audience = addressees(sock, await readAudience(db, instanceId, postId));
    if (!(await isAmong(sock, participant, audience))) return;
    await sock.assertSessions([participant], true);
    await sock.relayMessage(statusChat, message, { messageId: id, participant: { jid: participant, count } });
  } catch (error) {
    log.warn({ correlationId: id, err: error, instanceId, waId: id }, "a status post could not be sent again");
  }
}

async function isAmong(sock: WASocket, device: string, audience: readonly string[]): Promise<boolean> {
  const { lidMapping } = sock.signalRepository;
  const person = jidNormalizedUser(device);
  const otherJid = person.endsWith("@lid")
    ? await lidMapping.getPNForLID(person)
    : await lidMapping.getLIDForPN(person);
  return audience.some((jid) => areJidsSameUser(jid, person) || areJidsSameUser(jid, otherJid ?? undefined));
}
