import { jidDecode, proto } from "@whiskeysockets/baileys";
import type { SendName } from "../../../core/command/catalog/index.ts";
import { AppError } from "../../../core/error.ts";
import { readAudience, statusChat } from "../../../core/message/status.ts";
import { defined } from "../../../core/object.ts";
import type { ConnectedContext, PreparedMessage } from "../../executors/types.ts";
import type { Change } from "../../ledger/change.ts";
import type { Claimed } from "../claim/claimed-command.ts";
import { prepareSend } from "../run.ts";
import type { Outgoing } from "./relay.ts";
import { contentColumns, messageOf } from "./stanza.ts";

/** Maximum number of attempts of a command across restarts of the host, because the command may crash the host. */
const maxAttempts = 5;

/** Messages that are prepared and not yet recorded: their turn has not come, or a look-up of their recipients failed. */
const drafts = new WeakMap<Claimed<SendName>, PreparedMessage>();

interface OutgoingDeps {
  /** Records a change. Not awaited: the gate holds the stanza back until the change is durable. */
  record: (change: Change) => void;
  countAttempt: (commandId: string) => Promise<number>;
}

/** Whether the message of a send is made already. */
export const isDrafted = (command: Claimed<SendName>): boolean => command.payload !== null || drafts.has(command);

/** Makes the message of a send, unless an earlier attempt did. A message that is canceled meanwhile is not kept. */
export async function draftOf(
  command: Claimed<SendName>,
  context: ConnectedContext,
  countAttempt: OutgoingDeps["countAttempt"],
  signal?: AbortSignal,
): Promise<PreparedMessage> {
  if (command.name !== "message.sendText" && (await countAttempt(command.id)) > maxAttempts) {
    throw new AppError("internal", "gave up after repeated unfinished attempts");
  }
  const draft = await prepareSend(command, { ...context, waId: messageOf(command).waId, ...defined({ signal }) });
  signal?.throwIfAborted();
  drafts.set(command, draft);
  return draft;
}

/** Returns the message of a send. Prepares and records it unless an earlier attempt did. */
export function outgoingOf(
  command: Claimed<SendName>,
  context: ConnectedContext,
  deps: OutgoingDeps,
): Promise<Outgoing> {
  return command.payload ? loadPrepared(command, command.payload, context, deps) : prepare(command, context, deps);
}

/** Returns the message that an earlier attempt prepared. */
async function loadPrepared(
  command: Claimed<SendName>,
  payload: Buffer,
  { db, instanceId, recipients, addressing }: ConnectedContext,
  { record }: OutgoingDeps,
): Promise<Outgoing> {
  const { waId, chatId: jid } = messageOf(command);
  if (jid === statusChat) command.audience ??= await readAudience(db, instanceId, waId);
  const address = await addressing.of(jid, { kind: command.addressedBy, audience: command.audience?.audience });
  const { list, plan } = await recipients.of(address);
  // The members of a group may have changed since the earlier attempt.
  record({ recipients: [{ waId, ...list }] });
  return { waId, jid, message: proto.Message.decode(payload), address, list, plan };
}

async function prepare(
  command: Claimed<SendName>,
  context: ConnectedContext,
  { record, countAttempt }: OutgoingDeps,
): Promise<Outgoing> {
  const { waId } = messageOf(command);
  const draft = drafts.get(command) ?? (await draftOf(command, context, countAttempt));
  const { jid, message, type, protoType, media, context: extras } = draft;
  const payload = Buffer.from(proto.Message.encode(proto.Message.fromObject(message)).finish());
  command.chatId = jid;
  const { audience, skipped } = extras ?? {};
  command.audience = audience && { audience, ...defined({ skipped }) };
  const address = await context.addressing.of(jid, { audience });
  command.addressedBy = address.kind;
  const { list: recipients, plan } = await context.recipients.of(address);
  const device = jidDecode(context.sock.user?.id)?.device ?? 0;
  command.payload = payload;
  record({
    prepared: [
      {
        ...{ waId, payload, chatId: jid, type, protoType, ...contentColumns(payload), recipients },
        context: { ...extras, device, ...defined({ addressedBy: address.kind }) },
      },
    ],
    ...defined({ messageUpdates: media ? [{ waId, set: { media } }] : undefined }),
  });
  return { waId, jid, message, address, list: recipients, plan };
}
