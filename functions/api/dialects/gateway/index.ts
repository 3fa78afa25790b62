import * as z from "zod";
import { commandPath, type Dialect } from "../../dialect.ts";
import { gatewayError, toGatewayError } from "../../errors.ts";
import { authRows } from "./auth.ts";
import { broadcastRows } from "./broadcasts.ts";
import { callRows } from "./calls.ts";
import { channelRows } from "./channels.ts";
import { communityRows } from "./communities.ts";
import { contactRows } from "./contacts.ts";
import { envelope, enveloped } from "./envelope.ts";
import { eventRows } from "./events.ts";
import { groupRows } from "./groups.ts";
import { instanceRows } from "./instance.ts";
import { labelRows } from "./labels.ts";
import { mediaRows } from "./media.ts";
import { messageRows } from "./message.ts";
import { messageActionRows } from "./message-action.ts";
import { messageChatRows } from "./message-chat.ts";
import { observabilityRows } from "./observability.ts";
import { presenceRows } from "./presence.ts";
import { profileRows } from "./profile.ts";
import { statusRows } from "./status.ts";
import { webhookRows } from "./webhook.ts";

const nouns = [
  "auth/generate-key",
  "instance",
  "message",
  "groups",
  "communities",
  "status",
  "broadcasts",
  "contacts",
  "presence",
  "calls",
  "events",
  "labels",
  "media",
  "channels",
  "profile",
  "webhook",
  "observability",
];
const prefix = new RegExp(`^/api/(?:${nouns.join("|")})(?:/|$)`);

/** The Gateway API: everything in an envelope, errors too. */
export const gateway: Dialect = {
  name: "gateway",
  rows: [
    ...authRows,
    ...instanceRows,
    ...groupRows,
    ...communityRows,
    ...messageRows,
    ...messageActionRows,
    ...messageChatRows,
    ...eventRows,
    ...contactRows,
    ...labelRows,
    ...mediaRows,
    ...channelRows,
    ...profileRows,
    ...presenceRows,
    ...callRows,
    ...statusRows,
    ...broadcastRows,
    ...webhookRows,
    ...observabilityRows,
  ],
  owns: (path) => prefix.test(path),
  limited: true,
  errorType: "application/json",
  errorSchema: gatewayError,
  error: toGatewayError,
  pendingSchema: envelope(
    z.object({
      commandId: z.string(),
      /** Where the result will be. */
      location: z.string(),
    }),
  ),
  pending: (commandId) =>
    enveloped({ commandId, location: commandPath(commandId) }, "Accepted; it is still being done"),
};
