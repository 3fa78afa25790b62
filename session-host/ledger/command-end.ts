import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import type { Change } from "./change.ts";

/** Logs and counts the commands that a change ends. Call it when the change is durable. */
export function noteEnds(log: Logger, instanceId: string, { commands = [], correlationId }: Change): void {
  for (const { id: commandId, name: command, status, errorCode } of commands) {
    count(status === "done" ? "CommandsDone" : "CommandsFailed");
    log.info({ correlationId, instanceId, commandId, command, status, code: errorCode }, "a command ended");
  }
}
