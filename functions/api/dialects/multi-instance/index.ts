import { commandPath, type Dialect } from "../../engine/dialect.ts";
import { toProblem } from "../../engine/errors.ts";

const families: Dialect["families"] = {
  auth: async () => (await import("./auth.ts")).authEndpoints,
  users: async () => (await import("./users.ts")).userEndpoints,
  keys: async () => (await import("./keys.ts")).keyEndpoints,
  audit: async () => (await import("./audit.ts")).auditEndpoints,
  instances: async () => [
    ...(await import("./instances.ts")).instanceEndpoints,
    ...(await import("./messages.ts")).messageEndpoints,
    ...(await import("./events.ts")).eventEndpoints,
    ...(await import("./webhooks.ts")).webhookEndpoints,
  ],
  webhooks: async () => (await import("./webhooks.ts")).defaultWebhookEndpoints,
  whatsapp: async () => [
    ...(await import("./whatsapp.ts")).whatsappEndpoints,
    ...(await import("./contacts.ts")).contactEndpoints,
    ...(await import("./actions.ts")).actionEndpoints,
    ...(await import("./media.ts")).mediaEndpoints,
    ...(await import("./scheduled.ts")).scheduledEndpoints,
    ...(await import("./bulk.ts")).bulkEndpoints,
  ],
  files: async () => (await import("./files.ts")).fileEndpoints,
  commands: async () => (await import("./commands.ts")).commandEndpoints,
  stats: async () => (await import("./stats.ts")).statsEndpoints,
};

/** The Multi-Instance API. Also owns every path that belongs to no dialect. Errors follow RFC 9457. */
export const multiInstance: Dialect = {
  name: "multi-instance",
  families,
  owns: () => true,
  limited: false,
  errorType: "application/problem+json",
  error: toProblem,
  pending: (commandId) => ({
    success: true,
    message: "Accepted; still running",
    commandId,
    location: commandPath(commandId),
  }),
  shapes: async () => (await import("./shapes.ts")).shapes,
};
