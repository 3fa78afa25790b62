import * as z from "zod";
import * as field from "../../../../core/user/field.ts";
import { deleteUser, listUsers, loadUser } from "../../../../core/user/index.ts";
import { callerEndpoint } from "../../engine/endpoint.ts";
import * as user from "../../operations/user.ts";
import { pageQuery, pageRequest, paginationShape } from "../../shape/common.ts";
import { done, doneWith } from "./done.ts";
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
    description: "The key is shown only in this answer. It can't have more rights than the key in use.",
    access: "admin",
    body: ownSettings.extend({
      email: field.emailAddress,
      /** Without a password, the user can't log in and needs API keys. */
      password: field.newPassword.optional(),
      role: role.optional(),
    }),
    answer: userShape.extend({ apiKey: z.string() }),
    status: 201,
    errors: ["already_exists"],
    secrets: true,
    in: ({ body }) => toSettings(body),
    does: user.createUser,
    out: ({ user: made, apiKey }) => ({ ...toUser(made), apiKey: apiKey.key }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/users",
    summary: "List users, newest first",
    access: "admin",
    query: usersQuery,
    answer: z.object({ users: z.array(userShape), pagination: paginationShape }),
    in: ({ query: { search, ...page } }) => ({ ...pageRequest(page, defaultLimit), search }),
    does: ({ deps }, page) => listUsers(deps.db, page),
    out: ({ users, pagination }) => ({ users: users.map(toUser), pagination }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/users/{userId}",
    summary: "Get a user",
    access: "admin",
    answer: userShape,
    errors: ["user_not_found"],
    in: ({ params }) => params.userId,
    does: ({ deps }, userId) => loadUser(deps.db, userId),
    out: toUser,
  }),
  callerEndpoint({
    method: "put",
    path: "/api/users/{userId}",
    summary: "Change a user; omitted fields keep their values",
    description: "A new password makes all tokens of the user invalid.",
    access: "admin",
    body: ownSettings.extend({
      role: role.optional(),
      disabled: z.boolean().optional(),
      password: field.newPassword.optional(),
      force,
    }),
    answer: userShape,
    errors: ["user_not_found", "conflict"],
    in: ({ params, body }) => ({ userId: params.userId, changes: toSettings(body) }),
    does: user.updateUser,
    out: toUser,
  }),
  callerEndpoint({
    method: "delete",
    path: "/api/users/{userId}",
    summary: "Delete a user who has no instances",
    description: "Also deletes the keys and statistics of the user.",
    access: "admin",
    answer: done,
    errors: ["user_not_found", "conflict"],
    in: ({ params }) => params.userId,
    does: (context, userId) => deleteUser(context.deps, context, userId),
    out: (_result, { params }) => doneWith(`User ${params.userId} deleted successfully`),
  }),
];
