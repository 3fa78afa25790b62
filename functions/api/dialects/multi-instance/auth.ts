import * as z from "zod";
import * as field from "../../../../core/user/field.ts";
import * as users from "../../../../core/user/index.ts";
import { maxPasswordLength } from "../../../../core/user/index.ts";
import { callerEndpoint, publicEndpoint } from "../../engine/endpoint.ts";
import { currentUser, updateMe } from "../../operations/user.ts";
import { isoDate } from "../../shape/common.ts";
import { done, doneWith } from "./done.ts";
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
    answer: z.object({ token: z.string(), user: userName.extend({ apiKey: z.string().nullable() }) }),
    errors: ["invalid_credentials", "ip_not_allowed", "rate_limited"],
    secrets: true,
    in: ({ body }) => body,
    does: ({ deps, ip }, credentials) => users.login(deps, { ...credentials, ip }),
    out: ({ token, user: { id, email, firstName, lastName }, apiKey }) => ({
      token,
      user: { id, email, firstName, lastName, apiKey },
    }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/auth/me",
    summary: "Get the current user",
    access: "read",
    answer: meShape,
    in: () => undefined,
    does: currentUser,
    out: toMe,
  }),
  callerEndpoint({
    method: "put",
    path: "/api/auth/me",
    summary: "Change the current user; omitted fields keep their values",
    access: "write",
    body: ownSettings.extend({ force }),
    answer: meShape,
    in: ({ body }) => toSettings(body),
    does: updateMe,
    out: toMe,
  }),
  callerEndpoint({
    method: "post",
    path: "/api/auth/change-password",
    summary: "Change the password of the current user",
    description: "All earlier tokens become invalid. The answer has a new one.",
    access: "write",
    body: z.object({ currentPassword: password, newPassword: field.newPassword }),
    answer: done.extend({ token: z.string() }),
    errors: ["rate_limited"],
    secrets: true,
    in: ({ body }) => body,
    does: ({ deps, caller: { userId }, ip }, passwords) => users.changePassword(deps, { ...passwords, userId, ip }),
    out: (token) => ({ ...doneWith("Password changed; earlier tokens are no longer valid"), token }),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/auth/rotate-key",
    summary: "Replace the API key in use",
    description: "With an API key, replaces that key. With a token, replaces the key that login returns.",
    access: "write",
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
    answer: z.object({ apiKey: z.string(), previousValidUntil: isoDate.nullable() }),
    errors: ["key_not_found"],
    secrets: true,
    in: ({ body }) => ({ name: body.name, overlapSeconds: body.overlapSeconds ?? 0 }),
    does: ({ deps, caller }, options) => users.rotateKey(deps, caller, options),
    out: ({ apiKey, previousValidUntil }) => ({
      apiKey,
      previousValidUntil: previousValidUntil?.toISOString() ?? null,
    }),
  }),
];
