import * as z from "zod";
import { commandPath, type Dialect } from "../../dialect.ts";
import { problem, toProblem } from "../../errors.ts";
import { actionRows } from "./actions.ts";
import { authRows } from "./auth.ts";
import { bulkRows } from "./bulk.ts";
import { commandRows } from "./commands.ts";
import { contactRows } from "./contacts.ts";
import { eventRows } from "./events.ts";
import { instanceRows } from "./instances.ts";
import { keyRows } from "./keys.ts";
import { mediaRows } from "./media.ts";
import { messageRows } from "./messages.ts";
import { scheduledRows } from "./scheduled.ts";
import { statsRows } from "./stats.ts";
import { userRows } from "./users.ts";
import { webhookRows } from "./webhooks.ts";
import { whatsappRows } from "./whatsapp.ts";

/** The Multi-Instance API, and whatever belongs to neither. Errors are RFC 9457. */
export const multiInstance: Dialect = {
  name: "multi-instance",
  rows: [
    ...authRows,
    ...userRows,
    ...keyRows,
    ...instanceRows,
    ...messageRows,
    ...whatsappRows,
    ...contactRows,
    ...actionRows,
    ...mediaRows,
    ...scheduledRows,
    ...bulkRows,
    ...commandRows,
    ...statsRows,
    ...eventRows,
    ...webhookRows,
  ],
  owns: () => true,
  limited: false,
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
