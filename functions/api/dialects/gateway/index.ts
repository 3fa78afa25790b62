import { commandPath, type Dialect } from "../../engine/dialect.ts";
import { toGatewayError } from "../../engine/errors.ts";

const families: Dialect["families"] = {
  "auth/generate-key": async () => (await import("./auth.ts")).authEndpoints,
  instance: async () => [
    ...(await import("./instance.ts")).instanceEndpoints,
    ...(await import("./queue.ts")).queueEndpoints,
    ...(await import("./webhook.ts")).instanceWebhookEndpoints,
  ],
  groups: async () => (await import("./groups.ts")).groupEndpoints,
  communities: async () => (await import("./communities.ts")).communityEndpoints,
  message: async () => [
    ...(await import("./message.ts")).messageEndpoints,
    ...(await import("./message-action.ts")).messageActionEndpoints,
    ...(await import("./message-chat.ts")).messageChatEndpoints,
    ...(await import("./message-search.ts")).messageSearchEndpoints,
    ...(await import("./message-export.ts")).messageExportEndpoints,
  ],
  events: async () => [
    ...(await import("./events.ts")).eventEndpoints,
    ...(await import("./live-events.ts")).liveEventEndpoints,
  ],
  chats: async () => (await import("./chats.ts")).chatEndpoints,
  contacts: async () => (await import("./contacts.ts")).contactEndpoints,
  labels: async () => (await import("./labels.ts")).labelEndpoints,
  media: async () => (await import("./media.ts")).mediaEndpoints,
  channels: async () => (await import("./channels.ts")).channelEndpoints,
  profile: async () => (await import("./profile.ts")).profileEndpoints,
  business: async () => (await import("./business.ts")).businessEndpoints,
  privacy: async () => [
    ...(await import("./privacy.ts")).privacyEndpoints,
    ...(await import("./person-export.ts")).personExportEndpoints,
  ],
  presence: async () => (await import("./presence.ts")).presenceEndpoints,
  calls: async () => (await import("./calls.ts")).callEndpoints,
  status: async () => (await import("./status.ts")).statusEndpoints,
  broadcasts: async () => (await import("./broadcasts.ts")).broadcastEndpoints,
  webhook: async () => (await import("./webhook.ts")).webhookEndpoints,
  observability: async () => (await import("./observability.ts")).observabilityEndpoints,
};
const prefix = new RegExp(`^/api/(?:${Object.keys(families).join("|")})(?:/|$)`);

/** The Gateway API. All responses have an envelope, errors included. */
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
    message: "Accepted; still running",
  }),
  shapes: async () => (await import("./shapes.ts")).shapes,
};
