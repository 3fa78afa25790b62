import type postgres from "postgres";
import {
  type CommandInput,
  type CommandName,
  type ConvertName,
  isConvertName,
  isManageName,
  isQueryName,
  isSendName,
  type ManageName,
  type MutationName,
  type QueryName,
  type SendName,
} from "../../../core/command/catalog/index.ts";
import type { HandedCommand } from "../../../core/command/hand-over.ts";
import type { PostAudience } from "../../../core/message/status.ts";
import type { SendOptions } from "../../../core/restriction/index.ts";
import type { AddressKind } from "../../baileys/address/addressing.ts";

/** A command with one of these names that this host has claimed. A send includes its message. */
export interface Claimed<Name extends CommandName> {
  id: string;
  instanceId: string;
  /** The user who requested the command. */
  userId: string;
  name: Name;
  input: CommandInput<Name>;
  waId: string | null;
  chatId: string | null;
  /** The encoded `proto.Message`, if an earlier attempt prepared it. Every attempt sends the same message. */
  payload: Buffer | null;
  /**
   * For a prepared status post: who should see it. The same on every attempt.
   */
  audience?: PostAudience | undefined;
  /** For a prepared message to one person: how its stanza names the person. The same on every attempt. */
  addressedBy?: AddressKind | undefined;
  /** Commands of an instance run in the order of their positions. */
  position: number;
  attempts: number;
  deadline: Date;
  acceptedAt: Date;
  correlationId: string;
  /** For a send. */
  options?: SendOptions | null;
  /** Whether the delay is over, and the recipient has seen "typing…" before the message. */
  isTyped?: boolean;
  /** Whether the send belongs to a bulk. */
  inBulk?: boolean;
}

/** A command that waits for its turn in the send queue of its instance. */
export type OrderedCommand = Claimed<SendName> | Claimed<MutationName>;
export type ClaimedCommand = OrderedCommand | Claimed<QueryName> | Claimed<ManageName> | Claimed<ConvertName>;

export const isSend = (command: ClaimedCommand): command is Claimed<SendName> => isSendName(command.name);
export const isQuery = (command: ClaimedCommand): command is Claimed<QueryName> => isQueryName(command.name);
/** Whether the command waits for its turn in the send queue of its instance. */
export const isOrdered = (command: ClaimedCommand): command is OrderedCommand =>
  !isQuery(command) && !isManagement(command) && !isConversion(command);
export const isManagement = (command: ClaimedCommand): command is Claimed<ManageName> => isManageName(command.name);
export const isConversion = (command: ClaimedCommand): command is Claimed<ConvertName> => isConvertName(command.name);

/** A row of `commands` with its row of `messages`, as `claimedColumns` selects it. */
export interface ClaimedRow {
  id: string;
  instance_id: string;
  user_id: string;
  name: string;
  input: unknown;
  wa_id: string | null;
  position: number;
  attempts: number;
  deadline: Date;
  created_at: Date;
  correlation_id: string;
  options: SendOptions | null;
  in_bulk: boolean;
  chat_id: string | null;
  payload: Buffer | null;
  addressed_by: AddressKind | null;
}

/** Selects the columns of a claimed command (alias `c`) and of its message. */
export const claimedColumns = (sql: postgres.ISql) => sql`
  c.id, c.instance_id, c.user_id, c.name, c.input, c.wa_id, c.position::float8 as position, c.attempts, c.deadline, c.created_at, c.correlation_id,
  c.options, c.bulk_id is not null as in_bulk,
  messages.chat_id, messages.payload, messages.context->>'addressedBy' as addressed_by`;

/** Joins the message of a command (alias `c`). */
export const joinMessage = (sql: postgres.ISql) => sql`
  left join messages on messages.instance_id = c.instance_id and messages.wa_id = c.wa_id and messages.from_me`;

/** Returns a command that the API claimed for this host. No attempt has prepared it yet. */
export function fromHandOver(command: HandedCommand): ClaimedCommand {
  return { ...command, payload: null, attempts: 0, inBulk: false } as ClaimedCommand;
}

export function toCommand(row: ClaimedRow): ClaimedCommand {
  return {
    id: row.id,
    instanceId: row.instance_id,
    userId: row.user_id,
    name: row.name,
    input: row.input,
    waId: row.wa_id,
    chatId: row.chat_id,
    payload: row.payload,
    addressedBy: row.addressed_by ?? undefined,
    position: row.position,
    attempts: row.attempts,
    deadline: row.deadline,
    acceptedAt: row.created_at,
    correlationId: row.correlation_id,
    options: row.options,
    inBulk: row.in_bulk,
    // `acceptCommand` checked name and input against the catalog before it wrote the row.
  } as ClaimedCommand;
}
