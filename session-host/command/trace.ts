import type { ClaimedCommand } from "./claim/claimed-command.ts";

type Traced = Pick<ClaimedCommand, "id" | "instanceId" | "name" | "correlationId">;

/** The fields of every log line about a command. */
export const traceOf = ({ id, instanceId, name, correlationId }: Traced) => ({
  correlationId,
  instanceId,
  commandId: id,
  command: name,
});
