import type postgres from "postgres";
import { storableJson } from "../db/index.ts";
import type { AppError } from "../error.ts";
import type { NewEvent } from "../event/catalog/index.ts";
import type { Logger } from "../log.ts";
import { count } from "../metric/index.ts";
import { defined } from "../object.ts";
import { type CommandName, commandCatalog } from "./catalog/index.ts";

/** How a command ended. */
export interface CommandEnd {
  id: string;
  name: CommandName;
  status: "done" | "failed";
  output?: unknown;
  /** Whether the output is a credential. */
  secret?: boolean;
  errorCode?: string;
  errorDetails?: string;
}

/** All changes when a command ends. They are written in one transaction. */
export interface CommandEnding {
  commands: CommandEnd[];
  /** The message of a send that failed. */
  messageUpdates?: { waId: string; set: { status: "failed"; error: string } }[];
  events?: NewEvent[];
  /** A phone number that turned out not to be on WhatsApp, as a JID. */
  numbers?: { jid: string; exists: boolean }[];
  correlationId: string;
}

/** The properties of a command that are needed to end the command. */
export interface EndingCommand {
  id: string;
  name: CommandName;
  /** WhatsApp's id and the chat of its message, for a send. */
  waId: string | null;
  chatId: string | null;
  correlationId: string;
}

/** Returns what changes when a command succeeds with this output. */
export function succeed({ id, name, correlationId }: EndingCommand, output: unknown): CommandEnding {
  const { secret } = commandCatalog[name];
  return { commands: [{ id, name, status: "done", output, secret }], correlationId };
}

/**
 * Returns what changes when a command fails. If the command is a send, its message also fails, and an event announces
 * the failure.
 */
export function fail({ id, name, waId, chatId, correlationId }: EndingCommand, error: AppError): CommandEnding {
  const { code, details = null } = error;
  const errorDetails = details || undefined;
  const end: CommandEnding = {
    commands: [{ id, name, status: "failed", errorCode: code, ...defined({ errorDetails }) }],
    correlationId,
  };
  const absent = error.data?.absent;
  if (typeof absent === "string") end.numbers = [{ jid: absent, exists: false }];
  if (!waId) return end;
  const failed: NewEvent = { type: "message.failed", data: { messageId: waId, chatId: chatId ?? "", code, details } };
  return { ...end, messageUpdates: [{ waId, set: { status: "failed", error: code } }], events: [failed] };
}

/**
 * Writes the ends of commands that still have one of these statuses. Other commands stay as they are. Returns whether
 * replies to the ingress queue are due.
 */
export async function writeEnds(
  sql: postgres.ISql,
  ends: readonly (Omit<CommandEnd, "name" | "secret"> & { at: Date })[],
  statuses: readonly ("queued" | "scheduled" | "claimed")[],
): Promise<boolean> {
  if (ends.length === 0) return false;
  const [replied] = await sql`
    with ended as (
      update commands set status = t.status, output = t.output, error_code = t."errorCode", error_details = t."errorDetails",
        finished_at = t.at
      from jsonb_to_recordset(${storableJson(ends)}::text::jsonb)
        as t(id uuid, status text, output jsonb, "errorCode" text, "errorDetails" text, at timestamptz)
      where commands.id = t.id and commands.id = any(${ends.map((end) => end.id)}::uuid[])
        and commands.status = any(${statuses}::text[])
      returning reply_to
    )
    select from ended where reply_to is not null limit 1`;
  return replied !== undefined;
}

/** Logs and counts the commands that a change ends. Call it when the change is durable. */
export function logEnds(
  log: Logger,
  instanceId: string,
  { commands = [], correlationId }: { commands?: CommandEnd[]; correlationId?: string | undefined },
): void {
  for (const { id: commandId, name: command, status, errorCode: code } of commands) {
    count(status === "done" ? "CommandsDone" : "CommandsFailed");
    log.info({ correlationId, instanceId, commandId, command, status, code }, "a command ended");
  }
}
