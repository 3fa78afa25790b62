import * as z from "zod";
import { commandPath, type Dialect } from "../../dialect.ts";
import { problem, toProblem } from "../../errors.ts";
import { authRows } from "./auth.ts";
import { commandRows } from "./commands.ts";
import { instanceRows } from "./instances.ts";
import { messageRows } from "./messages.ts";
import { whatsappRows } from "./whatsapp.ts";

/** The Multi-Instance API, and whatever belongs to neither. Errors are RFC 9457. */
export const multiInstance: Dialect = {
  name: "multi-instance",
  rows: [...authRows, ...instanceRows, ...messageRows, ...whatsappRows, ...commandRows],
  owns: () => true,
  errorType: "application/problem+json",
  errorSchema: problem,
  error: toProblem,
  pendingSchema: z.object({
    success: z.literal(true),
    message: z.string(),
    commandId: z.string(),
    /** Where the result will be. */
    location: z.string(),
  }),
  pending: (commandId) => ({
    success: true,
    message: "Accepted; it is still being done",
    commandId,
    location: commandPath(commandId),
  }),
};
