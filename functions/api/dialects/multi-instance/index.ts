import { commandPath, type Dialect } from "../../dialect.ts";
import { toProblem } from "../../errors.ts";

const families: Dialect["families"] = {
  auth: async () => (await import("./auth.ts")).authRows,
  users: async () => (await import("./users.ts")).userRows,
  keys: async () => (await import("./keys.ts")).keyRows,
  instances: async () => [
    ...(await import("./instances.ts")).instanceRows,
    ...(await import("./messages.ts")).messageRows,
    ...(await import("./events.ts")).eventRows,
    ...(await import("./webhooks.ts")).webhookRows,
  ],
  whatsapp: async () => [
    ...(await import("./whatsapp.ts")).whatsappRows,
    ...(await import("./contacts.ts")).contactRows,
    ...(await import("./actions.ts")).actionRows,
    ...(await import("./media.ts")).mediaRows,
    ...(await import("./scheduled.ts")).scheduledRows,
    ...(await import("./bulk.ts")).bulkRows,
  ],
  commands: async () => (await import("./commands.ts")).commandRows,
  stats: async () => (await import("./stats.ts")).statsRows,
};

/** The Multi-Instance API, and whatever belongs to neither. Errors are RFC 9457. */
export const multiInstance: Dialect = {
  name: "multi-instance",
  families,
  owns: () => true,
  limited: false,
  errorType: "application/problem+json",
  error: toProblem,
  pending: (commandId) => ({
    success: true,
    message: "Accepted; it is still being done",
    commandId,
    location: commandPath(commandId),
  }),
  shapes: async () => (await import("./shapes.ts")).shapes,
};
