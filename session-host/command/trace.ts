import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import type { Change } from "../ledger/change.ts";
import type { ClaimedCommand } from "./claim.ts";

type Traced = Pick<ClaimedCommand, "id" | "instanceId" | "name" | "correlationId">;

/** What every line of the log says that is about a command. */
export const traceOf = ({ id, instanceId, name, correlationId }: Traced) => ({
  correlationId,
  instanceId,
  commandId: id,
  command: name,
});

/** Logs and counts the commands that a change has ended. To be called when it is durable. */
export function noteEnds(log: Logger, instanceId: string, { commands = [], correlationId }: Change): void {
  for (const { id: commandId, name: command, status, errorCode } of commands) {
    count(status === "done" ? "CommandsDone" : "CommandsFailed");
    log.info({ correlationId, instanceId, commandId, command, status, code: errorCode }, "a command has ended");
  }
}
