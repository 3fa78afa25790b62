import * as z from "zod";
import * as field from "../../../../core/user/field.ts";
import { deleteUser, listUsers, loadUser } from "../../../../core/user/index.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import * as user from "../../operations/user.ts";
import { pageQuery, pageRequest, paginationShape } from "../../shape/common.ts";
import { ownQuotas } from "../../shape/quota.ts";
import { messageShape, successMessage } from "./success.ts";
import { force, ownSettings, role, toSettings, toUser, userShape } from "./user-shapes.ts";

const defaultLimit = 50;

const usersQuery = pageQuery(defaultLimit)
  .pick({ limit: true, skip: true })
  .extend({
    search: field.userSearch.optional().meta({ description: "Part of the email address or of a name" }),
  });

export const userEndpoints = [
  callerEndpoint({
    method: "post",
    path: "/api/users",
    summary: "Create a user with a first API key",
    description:
      "The key appears only in this response. It can't have more permissions, IP addresses or lifetime than the credentials in use.",
    access: "admin",
    scope: "users:admin",
    body: ownSettings.extend({
      email: field.emailAddress,
      /** Without a password, the user can't log in and needs API keys. */
      password: field.newPassword.optional(),
      role: role.optional(),
    }),
    response: userShape.extend({ apiKey: z.string() }),
    status: 201,
    errors: ["already_exists"],
    secrets: true,
    toInput: ({ body }) => toSettings(body),
    operation: user.createUser,
    toResponse: ({ user: newUser, apiKey }) => ({ ...toUser(newUser), apiKey: apiKey.key }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/users",
    summary: "List users, newest first",
    access: "admin",
    scope: "users:admin",
    query: usersQuery,
    response: z.object({ users: z.array(userShape), pagination: paginationShape }),
    toInput: ({ query: { search, ...page } }) => ({ ...pageRequest(page, defaultLimit), search }),
    operation: ({ deps }, page) => listUsers(deps.db, page),
    toResponse: ({ users, pagination }) => ({ users: users.map(toUser), pagination }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/users/{userId}",
    summary: "Get a user",
    access: "admin",
    scope: "users:admin",
    response: userShape,
    errors: ["user_not_found"],
    toInput: ({ params }) => params.userId,
    operation: ({ deps }, userId) => loadUser(deps.db, userId),
    toResponse: toUser,
  }),
  callerEndpoint({
    method: "put",
    path: "/api/users/{userId}",
    summary: "Change a user; omitted fields keep their values",
    description: "A new password makes all tokens of the user invalid.",
    access: "admin",
    scope: "users:admin",
    body: ownSettings.extend({
      role: role.optional(),
      disabled: z.boolean().optional(),
      password: field.newPassword.optional(),
      quotas: ownQuotas.optional(),
      force,
    }),
    response: userShape,
    errors: ["user_not_found", "conflict"],
    toInput: ({ params, body }) => ({ userId: params.userId, changes: toSettings(body) }),
    operation: user.updateUser,
    toResponse: toUser,
  }),
  callerEndpoint({
    method: "delete",
    path: "/api/users/{userId}",
    summary: "Delete a user who has no instances",
    description: "Also deletes the keys and statistics of the user.",
    access: "admin",
    scope: "users:admin",
    response: messageShape,
    errors: ["user_not_found", "conflict"],
    toInput: ({ params }) => params.userId,
    operation: (context, userId) => deleteUser(context.deps, context, userId),
    toResponse: (_result, { params }) => successMessage(`User ${params.userId} deleted successfully`),
  }),
];
