import * as z from "zod";
import { permissions } from "../../../../core/caller.ts";
import { instantDate } from "../../../../core/instant.ts";
import { scopes } from "../../../../core/scope.ts";
import * as field from "../../../../core/user/field.ts";
import type { KeyRecord } from "../../../../core/user/index.ts";
import * as user from "../../../../core/user/index.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import { isoDate } from "../../shape/common.ts";
import { messageShape, successMessage } from "./success.ts";
import { force } from "./user-shapes.ts";

const ownerQuery = z.object({
  userId: z.string().max(128).optional().meta({ description: "For admins: the owner of the keys; default yourself" }),
});

const permission = z.enum(permissions);

const keyShape = z.object({
  id: z.string(),
  name: z.string(),
  permissions: z.array(permission),
  /** IP addresses and ranges in canonical form. Empty allows any address. */
  allowedIps: z.array(z.string()),
  /** Null allows all instances of the user. */
  instances: z.array(z.string()).nullable(),
  /** Null allows everything within the permissions. */
  scopes: z.array(z.enum(scopes)).nullable(),
  expiresAt: isoDate.nullable(),
  /** Accurate to the minute. */
  lastUsedAt: isoDate.nullable(),
  /** The address of the last use. Null for SQS. */
  lastUsedIp: z.string().nullable(),
  createdAt: isoDate,
});

const toKey = (record: KeyRecord): z.input<typeof keyShape> => ({
  id: record.id,
  name: record.name,
  permissions: record.permissions,
  allowedIps: record.ipRanges ?? [],
  instances: record.instances,
  scopes: record.scopes,
  expiresAt: record.expiresAt?.toISOString() ?? null,
  lastUsedAt: record.lastUsedAt?.toISOString() ?? null,
  lastUsedIp: record.lastUsedIp,
  createdAt: record.createdAt.toISOString(),
});

const expiry = instantDate.nullable().meta({ description: "ISO 8601; null means never" });

const limits = {
  instances: field.keyInstances.optional(),
  scopes: field.keyScopes.optional(),
  expiresAt: expiry.optional(),
};

export const keyEndpoints = [
  callerEndpoint({
    method: "get",
    path: "/api/keys",
    summary: "List the valid API keys, without the keys themselves",
    access: "read",
    scope: "keys:read",
    limitable: true,
    query: ownerQuery,
    response: z.object({ keys: z.array(keyShape) }),
    errors: ["user_not_found"],
    toInput: ({ query }) => query.userId,
    operation: ({ deps, caller }, userId) => user.listKeys(deps, caller, userId),
    toResponse: (keys) => ({ keys: keys.map(toKey) }),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/keys",
    summary: "Create an API key",
    description:
      "The key appears only in this response. It can't have more permissions, scopes, instances, IP addresses or lifetime than the credentials in use.",
    access: "account",
    scope: "keys:write",
    limitable: true,
    query: ownerQuery,
    body: z.object({
      name: field.keyName,
      permissions: z.array(permission).min(1).max(permissions.length).optional(),
      allowedIps: field.allowedIps.optional(),
      ...limits,
    }),
    response: keyShape.extend({ apiKey: z.string() }),
    status: 201,
    errors: ["user_not_found", "instance_not_found"],
    secrets: true,
    toInput: ({ query, body: { allowedIps, ...fields } }) => ({
      ...fields,
      ipRanges: allowedIps,
      userId: query.userId,
    }),
    operation: ({ deps, caller }, fields) => user.createKey(deps, caller, fields),
    toResponse: (newKey) => ({ ...toKey(newKey), apiKey: newKey.key }),
  }),
  callerEndpoint({
    method: "put",
    path: "/api/keys/{keyId}",
    summary: "Change the name or the limits of an API key; omitted fields keep their values",
    description:
      "Takes effect at once. A key can't change a key that has more permissions, scopes, instances, IP addresses or lifetime than itself.",
    access: "account",
    scope: "keys:write",
    limitable: true,
    query: ownerQuery,
    body: z.object({ name: field.keyName.optional(), allowedIps: field.allowedIps.optional(), ...limits, force }),
    response: keyShape,
    errors: ["key_not_found", "user_not_found", "instance_not_found"],
    toInput: ({ params, query, body: { allowedIps, ...changes } }) => ({
      ...changes,
      ipRanges: allowedIps,
      keyId: params.keyId,
      userId: query.userId,
    }),
    operation: (context, changes) => user.changeKey(context.deps, context, changes),
    toResponse: toKey,
  }),
  callerEndpoint({
    method: "delete",
    path: "/api/keys/{keyId}",
    summary: "Revoke an API key",
    description: "A key can't revoke a key that has more permissions, scopes, instances, IP addresses or lifetime.",
    access: "account",
    scope: "keys:write",
    limitable: true,
    query: ownerQuery,
    response: messageShape,
    errors: ["key_not_found", "user_not_found"],
    toInput: ({ params, query }) => ({ keyId: params.keyId, userId: query.userId }),
    operation: ({ deps, caller }, key) => user.removeKey(deps, caller, key),
    toResponse: (_result, { params }) => successMessage(`API key ${params.keyId} revoked`),
  }),
];
