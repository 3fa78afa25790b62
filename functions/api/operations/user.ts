import { AppError } from "../../../core/error.ts";
import * as user from "../../../core/user/index.ts";
import type { CallerContext, Context } from "../context.ts";

export const login = (context: Context, credentials: { email: string; password: string }) =>
  user.login(context.deps, credentials);

export async function currentUser(context: CallerContext): Promise<user.User> {
  const found = await user.findUser(context.deps.db, context.caller.userId);
  if (!found) throw new AppError("invalid_credentials", "the user is gone");
  return found;
}

/** A web page that has its own name resolve to this machine (DNS rebinding) still names itself in `Host`. */
const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

export const generateKey = (context: Context & { caller?: user.Caller }, input: { name: string }) =>
  user.generateKey(context.deps, {
    caller: context.caller,
    name: input.name,
    open: context.deps.openKeyGeneration && loopback.test(context.host ?? ""),
  });
