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

/** Whom WhatsApp gives a post of ours to: its audience, and the owner's own devices, where it stands under "My status". */
export const addressees = (sock: WASocket, audience: readonly string[]): string[] => [
  ...new Set([...audience, jidNormalizedUser(sock.user?.id)]),
];

/** As often as WhatsApp's own clients. */
const maxRetries = 5;

export interface PostsAgain {
  sock: WASocket;
  db: Database;
  instanceId: string;
  log: Logger;
  /** What we said under this id. */
  said: (waId: string) => Promise<proto.IMessage | undefined>;
}

export const isPostRetry = ({ attrs }: BinaryNode) => attrs.from === statusChat && attrs.type === "retry";

/**
 * Says what belongs to a status to one device again that could not read it. Baileys (7.0.0-rc14) would do it with an audience of
 * nobody. Whoever was not in the audience gets nothing.
 */
export async function postAgain(deps: PostsAgain, receipt: BinaryNode): Promise<void> {
  const { sock, db, instanceId, log } = deps;
  const { id, participant } = receipt.attrs;
  const count = Number(getBinaryNodeChild(receipt, "retry")?.attrs.count ?? 1);
  if (!id || !participant || !(count <= maxRetries)) return;
  try {
    const message = await deps.said(id);
    if (!message) return;
    const posted = message.protocolMessage?.key?.id ?? id;
    const audience = addressees(sock, await readAudience(db, instanceId, posted));
    if (!(await isAmong(sock, participant, audience))) return;
    await sock.assertSessions([participant], true);
    await sock.relayMessage(statusChat, message, { messageId: id, participant: { jid: participant, count } });
  } catch (error) {
    log.warn({ correlationId: id, err: error, instanceId, waId: id }, "a status could not be said again");
  }
}

async function isAmong(sock: WASocket, device: string, audience: readonly string[]): Promise<boolean> {
  const { lidMapping } = sock.signalRepository;
  const person = jidNormalizedUser(device);
  const other = person.endsWith("@lid") ? await lidMapping.getPNForLID(person) : await lidMapping.getLIDForPN(person);
  return audience.some((jid) => areJidsSameUser(jid, person) || areJidsSameUser(jid, other ?? undefined));
}
