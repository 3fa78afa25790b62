import { commandPath, type Dialect } from "../../dialect.ts";
import { toGatewayError } from "../../errors.ts";

const families: Dialect["families"] = {
  "auth/generate-key": async () => (await import("./auth.ts")).authRows,
  instance: async () => (await import("./instance.ts")).instanceRows,
  groups: async () => (await import("./groups.ts")).groupRows,
  communities: async () => (await import("./communities.ts")).communityRows,
  message: async () => [
    ...(await import("./message.ts")).messageRows,
    ...(await import("./message-action.ts")).messageActionRows,
    ...(await import("./message-chat.ts")).messageChatRows,
  ],
  events: async () => (await import("./events.ts")).eventRows,
  contacts: async () => (await import("./contacts.ts")).contactRows,
  labels: async () => (await import("./labels.ts")).labelRows,
  media: async () => (await import("./media.ts")).mediaRows,
  channels: async () => (await import("./channels.ts")).channelRows,
  profile: async () => (await import("./profile.ts")).profileRows,
  presence: async () => (await import("./presence.ts")).presenceRows,
  calls: async () => (await import("./calls.ts")).callRows,
  status: async () => (await import("./status.ts")).statusRows,
  broadcasts: async () => (await import("./broadcasts.ts")).broadcastRows,
  webhook: async () => (await import("./webhook.ts")).webhookRows,
  observability: async () => (await import("./observability.ts")).observabilityRows,
};
const prefix = new RegExp(`^/api/(?:${Object.keys(families).join("|")})(?:/|$)`);

/** The Gateway API: everything in an envelope, errors too. */
export const gateway: Dialect = {
  name: "gateway",
  families,
  owns: (path) => prefix.test(path),
  limited: true,
  errorType: "application/json",
  error: toGatewayError,
  pending: (commandId) => ({
    success: true,
    data: { commandId, location: commandPath(commandId) },
    message: "Accepted; it is still being done",
  }),
  shapes: async () => (await import("./shapes.ts")).shapes,
};
