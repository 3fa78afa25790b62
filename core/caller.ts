import { AppError } from "./error.ts";
import type { Scope } from "./scope.ts";

/** `account`: change keys, the password, IP ranges and other properties of the user. `admin` includes `account`. */
export const permissions = ["read", "write", "account", "admin"] as const;
export type Permission = (typeof permissions)[number];
export type Role = "admin" | "user";

/** The authenticated caller, and what the credentials allow. */
export interface Caller {
  userId: string;
  permissions: ReadonlySet<Permission>;
  /** The key in use; absent for a token. */
  key?: {
    id: string;
    ipRanges: string[] | null;
    expiresAt: Date | null;
    /** The instances that the key may be used for; null for all. */
    instances: string[] | null;
    /** What the key may be used for within its permissions; null for everything. */
    scopes: Scope[] | null;
    lastUsedAt: Date | null;
  };
  /** The token in use; absent for a key. */
  token?: { tokensFrom: Date | null; expiresAt: Date };
}

/** Returns the effective permissions of a key or a token. `admin` counts only while its user is an admin. */
export function effectivePermissions(role: Role, stored: readonly Permission[]): ReadonlySet<Permission> {
  const effective = new Set(stored.filter((permission) => permission !== "admin" || role === "admin"));
  return effective.has("admin") ? effective.add("account") : effective;
}

/** Admins may act on every user's instances. */
export const isAdmin = (caller: Caller) => caller.permissions.has("admin");

/** Throws `forbidden` unless the credentials have the permission. */
export function assertPermission(caller: Caller, permission: Permission): void {
  if (caller.permissions.has(permission)) return;
  const remedy = permission === "account" ? ": log in, or use a key that has it" : "";
  throw new AppError("forbidden", `these credentials lack the permission "${permission}"${remedy}`);
}

export const hasScope = ({ key }: Caller, scope: Scope) => !key?.scopes || key.scopes.includes(scope);

/** Throws `forbidden` if the credentials are a key whose scopes lack this scope. */
export function assertScope(caller: Caller, scope: Scope): void {
  if (hasScope(caller, scope)) return;
  throw new AppError("forbidden", `this API key lacks the scope "${scope}"`, { data: { missingScope: scope } });
}

export const allowsInstance = ({ key }: Caller, instanceId: string) =>
  !key?.instances || key.instances.includes(instanceId);

/** Throws `forbidden` if the credentials are a key that is limited to other instances. */
export function assertInstance(caller: Caller, instanceId: string): void {
  if (allowsInstance(caller, instanceId)) return;
  throw new AppError("forbidden", "this API key does not allow this instance");
}

/** Throws `forbidden` if the credentials are a key that is limited to certain instances. */
export function assertAllInstances({ key }: Caller): void {
  if (!key?.instances) return;
  throw new AppError("forbidden", "this API key is limited to certain instances, so it can't do this");
}

/** Throws `forbidden` unless the caller is the owner or an admin. */
export function assertOwner(caller: Caller, ownerId: string): void {
  if (caller.userId === ownerId || isAdmin(caller)) return;
  throw new AppError("forbidden", "the resource belongs to another user");
}
