import * as z from "zod";
import * as field from "../../../../core/user/field.ts";
import * as users from "../../../../core/user/index.ts";
import { maxPasswordLength } from "../../../../core/user/index.ts";
import { callerEndpoint, publicEndpoint } from "../../engine/endpoint.ts";
import { currentUser, updateMe } from "../../operations/user.ts";
import { isoDate } from "../../shape/common.ts";
import { force, meShape, ownSettings, toMe, toSettings, userName } from "./user-shapes.ts";

/** A password to compare with ours. */
const password = z.string().min(1).max(maxPasswordLength);

export const authEndpoints = [
  publicEndpoint({
    method: "post",
    path: "/api/auth/login",
    summary: "Log in with e-mail address and password; the token is good for an hour",
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
    summary: "Who the credentials stand for",
    access: "read",
    answer: meShape,
    in: () => undefined,
    does: currentUser,
    out: toMe,
  }),
  callerEndpoint({
    method: "put",
    path: "/api/auth/me",
    summary: "Change what is kept of yourself; what is not given stays",
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
    summary: "Set another password; all tokens of before end, and the answer has a new one",
    access: "write",
    body: z.object({ currentPassword: password, newPassword: field.newPassword }),
    answer: z.object({ success: z.literal(true), message: z.string(), token: z.string() }),
    errors: ["rate_limited"],
    secrets: true,
    in: ({ body }) => body,
    does: ({ deps, caller: { userId }, ip }, passwords) => users.changePassword(deps, { ...passwords, userId, ip }),
    out: (token) => ({ success: true as const, message: "Password changed; earlier tokens have ended", token }),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/auth/rotate-key",
    summary: "Put a new API key in the place of the one that is used or, with a token, of the one that login shows",
    access: "write",
    body: z
      .object({
        /** Of the new key; that of the old one by default. */
        name: field.keyName.optional(),
        overlapSeconds: z
          .int()
          .min(0)
          .max(86_400)
          .optional()
          .meta({ description: "How long the old key still works, up to a day; default 0" }),
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
