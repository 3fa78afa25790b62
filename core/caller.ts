import { AppError } from "./error.ts";

export const permissions = ["read", "write", "admin"] as const;
export type Permission = (typeof permissions)[number];
export type Role = "admin" | "user";

/** The authenticated caller, and what the credentials allow. */
export interface Caller {
  userId: string;
  permissions: ReadonlySet<Permission>;
  /** The key in use; absent for a token. */
  key?: { id: string; ipRanges: string[] | null; expiresAt: Date | null };
}

/** Returns the effective permissions of a key or a token. `admin` counts only while its user is an admin. */
export function effectivePermissions(role: Role, stored: readonly Permission[]): ReadonlySet<Permission> {
  return new Set(stored.filter((permission) => permission !== "admin" || role === "admin"));
}

/** Admins may act on every user's instances. */
export const isAdmin = (caller: Caller) => caller.permissions.has("admin");

/** Throws `forbidden` unless the credentials have the permission. */
export function assertPermission(caller: Caller, permission: Permission): void {
  if (caller.permissions.has(permission)) return;
  throw new AppError("forbidden", `these credentials lack the permission "${permission}"`);
}

/** Throws `forbidden` unless the caller is the owner or an admin. */
export function assertOwner(caller: Caller, ownerId: string): void {
  if (caller.userId === ownerId || isAdmin(caller)) return;
  throw new AppError("forbidden", "the resource belongs to another user");
}
