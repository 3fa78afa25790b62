import * as z from "zod";
import { maxPasswordLength } from "../../../../core/user/index.ts";
import { currentUser, login } from "../../operations/user.ts";
import { callerRow, openRow } from "../../row.ts";

const user = z.object({ id: z.string(), email: z.string(), firstName: z.string(), lastName: z.string() });

export const authRows = [
  openRow({
    method: "post",
    path: "/api/auth/login",
    summary: "Log in with e-mail address and password; the token is good for an hour",
    access: "public",
    body: z.object({ email: z.email().max(254), password: z.string().min(1).max(maxPasswordLength) }),
    answer: z.object({ token: z.string(), user: user.extend({ apiKey: z.string().nullable() }) }),
    errors: ["invalid_credentials"],
    does: login,
    in: ({ body }) => body,
    out: ({ token, user: { id, email, firstName, lastName }, apiKey }) => ({
      token,
      user: { id, email, firstName, lastName, apiKey },
    }),
  }),
  callerRow({
    method: "get",
    path: "/api/auth/me",
    summary: "Who the credentials stand for",
    access: "read",
    answer: user,
    does: currentUser,
    in: () => undefined,
    out: ({ id, email, firstName, lastName }) => ({ id, email, firstName, lastName }),
  }),
];
