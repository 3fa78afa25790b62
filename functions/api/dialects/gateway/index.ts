import * as z from "zod";
import { commandPath, type Dialect } from "../../dialect.ts";
import { gatewayError, toGatewayError } from "../../errors.ts";
import { authRows } from "./auth.ts";
import { envelope, enveloped } from "./envelope.ts";
import { instanceRows } from "./instance.ts";
import { messageRows } from "./message.ts";
import { observabilityRows } from "./observability.ts";

const nouns = [
  "auth/generate-key",
  "instance",
  "message",
  "groups",
  "status",
  "contacts",
  "presence",
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
  rows: [...authRows, ...instanceRows, ...messageRows, ...observabilityRows],
  owns: (path) => prefix.test(path),
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
