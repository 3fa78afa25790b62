import type { Caller } from "../../../core/caller.ts";
import { AppError } from "../../../core/error.ts";
import { assertEventQueue } from "../../../core/event-sink/allowed.ts";
import * as user from "../../../core/user/index.ts";
import type { CallerContext, Context } from "../engine/context.ts";
import { assertOpenKeyGeneration } from "../engine/open-key-generation.ts";

export async function currentUser(context: CallerContext): Promise<user.User> {
  const found = await user.findUser(context.deps.db, context.caller.userId);
  if (!found) throw new AppError("invalid_credentials", "the user no longer exists");
  return found;
}

export async function logIn(context: Context, credentials: { email: string; password: string }) {
  const session = await user.login(context.deps, { ...credentials, ip: context.ip });
  context.actFor(session.user.id);
  return session;
}

export async function updateMe(context: CallerContext, changes: user.OwnChanges) {
  const { deps, caller } = context;
  if (changes.eventQueue) {
    assertEventQueue(deps.config, caller, changes.eventQueue, (await currentUser(context)).eventQueue);
  }
  return await user.updateMe(deps, context, changes);
}

export async function generateKey(context: Context & { caller?: Caller }, { name }: { name: string }) {
  const { caller, deps } = context;
  if (!caller) assertOpenKeyGeneration(context);
  const created = await user.generateKey(deps, { caller, name });
  context.actFor(created.userId);
  return created;
}

export async function createUser(context: CallerContext, fields: user.NewUser) {
  if (fields.eventQueue) assertEventQueue(context.deps.config, context.caller, fields.eventQueue, null);
  return await user.createUser(context.deps, fields, context.caller);
}

export async function updateUser(
  context: CallerContext,
  { userId, changes }: { userId: string; changes: user.UserChanges },
) {
  if (changes.eventQueue) assertEventQueue(context.deps.config, context.caller, changes.eventQueue, null);
  return await user.updateUser(context.deps, context, userId, changes);
}
