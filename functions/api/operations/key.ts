import * as user from "../../../core/user/index.ts";
import type { CallerContext } from "../context.ts";

export const listKeys = ({ deps, caller }: CallerContext, userId: string | undefined) =>
  user.listKeys(deps, caller, userId);

export const makeKey = ({ deps, caller }: CallerContext, wanted: user.WantedKey) => user.makeKey(deps, caller, wanted);

export const changeKey = (context: CallerContext, changes: user.KeyChanges) =>
  user.changeKey(context.deps, context, changes);

export const removeKey = ({ deps, caller }: CallerContext, which: { keyId: string; userId?: string | undefined }) =>
  user.removeKey(deps, caller, which);

export const rotateKey = (
  { deps, caller }: CallerContext,
  options: { name?: string | undefined; overlapSeconds: number },
) => user.rotateKey(deps, caller, options);
