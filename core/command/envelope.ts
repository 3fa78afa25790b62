import * as z from "zod";

/** What travels on a command queue. The row in the database is the truth; this says which row. */
export const commandEnvelope = z.object({ v: z.literal(1), id: z.uuid(), instanceId: z.uuid() });

export type CommandEnvelope = z.infer<typeof commandEnvelope>;

interface Command {
  id: string;
  instanceId: string;
  kind: string;
}

/** A command as a message of its queue. The group is its instance, so that order is kept; a query waits behind nothing. */
export function commandMessage(command: Command): { body: string; groupId: string; deduplicationId: string } {
  const envelope: CommandEnvelope = { v: 1, id: command.id, instanceId: command.instanceId };
  return {
    body: JSON.stringify(envelope),
    groupId: command.kind === "query" ? command.id : command.instanceId,
    deduplicationId: command.id,
  };
}

/** Undefined for what is no command. */
export function readCommandEnvelope(body: string | undefined): CommandEnvelope | undefined {
  try {
    return commandEnvelope.safeParse(JSON.parse(body ?? "")).data;
  } catch {
    return undefined;
  }
}
