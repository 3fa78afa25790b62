import * as z from "zod";
import { permissions } from "../../../../core/caller.ts";
import * as field from "../../../../core/user/field.ts";
import type { KeyRecord } from "../../../../core/user/index.ts";
import * as user from "../../../../core/user/index.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import { isoDate } from "../../shape/common.ts";
import { done, doneWith } from "./done.ts";
import { force } from "./user-shapes.ts";

const ofUser = z.object({
  userId: z.string().max(128).optional().meta({ description: "For admins: the owner of the keys; default yourself" }),
});

const permission = z.enum(permissions);

const keyShape = z.object({
  id: z.string(),
  name: z.string(),
  permissions: z.array(permission),
  /** In canonical form. Empty allows any address. */
  allowedIps: z.array(z.string()),
  expiresAt: isoDate.nullable(),
  /** Accurate to the minute. */
  lastUsedAt: isoDate.nullable(),
  createdAt: isoDate,
});

const toKey = (record: KeyRecord): z.input<typeof keyShape> => ({
  id: record.id,
  name: record.name,
  permissions: record.permissions,
  allowedIps: record.ipRanges ?? [],
  expiresAt: record.expiresAt?.toISOString() ?? null,
  lastUsedAt: record.lastUsedAt?.toISOString() ?? null,
  createdAt: record.createdAt.toISOString(),
});

const expiry = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .nullable()
  .meta({ description: "ISO 8601; null means never" });

export const keyEndpoints = [
  callerEndpoint({
    method: "get",
    path: "/api/keys",
    summary: "List the valid API keys, without the keys themselves",
    access: "read",
    query: ofUser,
    answer: z.object({ keys: z.array(keyShape) }),
    errors: ["user_not_found"],
    in: ({ query }) => query.userId,
    does: ({ deps, caller }, userId) => user.listKeys(deps, caller, userId),
    out: (keys) => ({ keys: keys.map(toKey) }),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/keys",
    summary: "Create an API key",
    description: "The key is shown only in this answer. It can't have more rights than the key in use.",
    access: "write",
    query: ofUser,
    body: z.object({
      name: field.keyName,
      permissions: z.array(permission).min(1).max(permissions.length).optional(),
      allowedIps: field.allowedIps.optional(),
      expiresAt: expiry.optional(),
    }),
    answer: keyShape.extend({ apiKey: z.string() }),
    status: 201,
    errors: ["user_not_found"],
    secrets: true,
    in: ({ query, body: { allowedIps, ...wanted } }) => ({ ...wanted, ipRanges: allowedIps, userId: query.userId }),
    does: ({ deps, caller }, wanted) => user.createKey(deps, caller, wanted),
    out: (made) => ({ ...toKey(made), apiKey: made.key }),
  }),
  callerEndpoint({
    method: "put",
    path: "/api/keys/{keyId}",
    summary: "Change the name or the allowed addresses of an API key; omitted fields keep their values",
    access: "write",
    query: ofUser,
    body: z.object({ name: field.keyName.optional(), allowedIps: field.allowedIps.optional(), force }),
    answer: keyShape,
    errors: ["key_not_found", "user_not_found"],
    in: ({ params, query, body: { allowedIps, ...changes } }) => ({
      ...changes,
      ipRanges: allowedIps,
      keyId: params.keyId,
      userId: query.userId,
    }),
    does: (context, changes) => user.changeKey(context.deps, context, changes),
    out: toKey,
  }),
  callerEndpoint({
    method: "delete",
    path: "/api/keys/{keyId}",
    summary: "Revoke an API key",
    access: "write",
    query: ofUser,
    answer: done,
    errors: ["key_not_found", "user_not_found"],
    in: ({ params, query }) => ({ keyId: params.keyId, userId: query.userId }),
    does: ({ deps, caller }, which) => user.removeKey(deps, caller, which),
    out: (_result, { params }) => doneWith(`API key ${params.keyId} revoked`),
  }),
];
