import * as z from "zod";
import * as field from "../../../../core/user/field.ts";
import * as users from "../../../../core/user/index.ts";
import { maxPasswordLength } from "../../../../core/user/index.ts";
import { callerEndpoint, publicEndpoint } from "../../engine/endpoint.ts";
import { currentUser, logIn, updateMe } from "../../operations/user.ts";
import { isoDate } from "../../shape/common.ts";
import { messageShape, successMessage } from "./success.ts";
import { force, meShape, ownSettings, toMe, toSettings, userName } from "./user-shapes.ts";

/** A password to verify. */
const password = z.string().min(1).max(maxPasswordLength);

export const authEndpoints = [
  publicEndpoint({
    method: "post",
    path: "/api/auth/login",
    summary: "Log in with email address and password",
    description: "The token is valid for one hour.",
    access: "public",
    body: z.object({ email: field.emailAddress, password }),
    response: z.object({ token: z.string(), user: userName.extend({ apiKey: z.string().nullable() }) }),
    errors: ["invalid_credentials", "ip_not_allowed", "rate_limited"],
    secrets: true,
    toInput: ({ body }) => body,
    operation: logIn,
    toResponse: ({ token, user: { id, email, firstName, lastName }, apiKey }) => ({
      token,
      user: { id, email, firstName, lastName, apiKey },
    }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/auth/me",
    summary: "Get the current user",
    access: "read",
    scope: "account:read",
    limitable: true,
    response: meShape,
    toInput: () => undefined,
    operation: currentUser,
    toResponse: toMe,
  }),
  callerEndpoint({
    method: "put",
    path: "/api/auth/me",
    summary: "Change the current user; omitted fields keep their values",
    access: "account",
    scope: "account:write",
    body: ownSettings.extend({ force }),
    response: meShape,
    toInput: ({ body }) => toSettings(body),
    operation: updateMe,
    toResponse: toMe,
  }),
  callerEndpoint({
    method: "post",
    path: "/api/auth/change-password",
    summary: "Change the password of the current user",
    description: "All earlier tokens become invalid. The response has a new token.",
    access: "account",
    scope: "account:write",
    body: z.object({ currentPassword: password, newPassword: field.newPassword }),
    response: messageShape.extend({ token: z.string() }),
    errors: ["rate_limited"],
    secrets: true,
    toInput: ({ body }) => body,
    operation: ({ deps, caller: { userId }, ip }, passwords) =>
      users.changePassword(deps, { ...passwords, userId, ip }),
    toResponse: (token) => ({ ...successMessage("Password changed; earlier tokens are no longer valid"), token }),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/auth/rotate-key",
    summary: "Replace the API key in use",
    description: "If you use an API key, replaces that key. If you use a token, replaces the key that login returns.",
    access: "write",
    scope: "keys:rotate",
    limitable: true,
    body: z
      .object({
        /** The name of the new key; default: the name of the old key. */
        name: field.keyName.optional(),
        overlapSeconds: z
          .int()
          .min(0)
          .max(86_400)
          .optional()
          .meta({ description: "Seconds that the old key stays valid, up to a day; default 0" }),
      })
      .default({}),
    response: z.object({ apiKey: z.string(), previousValidUntil: isoDate.nullable() }),
    errors: ["key_not_found"],
    secrets: true,
    toInput: ({ body }) => ({ name: body.name, overlapSeconds: body.overlapSeconds ?? 0 }),
    operation: ({ deps, caller }, options) => users.rotateKey(deps, caller, options),
    toResponse: ({ apiKey, previousValidUntil }) => ({
      apiKey,
      previousValidUntil: previousValidUntil?.toISOString() ?? null,
    }),
  }),
];
