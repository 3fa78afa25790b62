import * as z from "zod";
import { readJson } from "../json.ts";

/** A message on a command queue. It names the row in the database, which is authoritative. */
export const commandEnvelope = z.object({ v: z.literal(1), id: z.uuid(), instanceId: z.uuid() });

export type CommandEnvelope = z.infer<typeof commandEnvelope>;

interface Command {
  id: string;
  instanceId: string;
  kind: string;
}

/** Returns a command as a message of its queue. The message group is the instance, which keeps the order, or the query itself. */
export function commandMessage(command: Command): { body: string; groupId: string; deduplicationId: string } {
  const envelope: CommandEnvelope = { v: 1, id: command.id, instanceId: command.instanceId };
  return {
    body: JSON.stringify(envelope),
    groupId: command.kind === "query" ? command.id : command.instanceId,
    deduplicationId: command.id,
  };
}

/** Returns undefined if the body is not a command. */
export function readCommandEnvelope(body: string | undefined): CommandEnvelope | undefined {
  const { value, error } = readJson(body ?? "", "message");
  return error ? undefined : commandEnvelope.safeParse(value).data;
}
