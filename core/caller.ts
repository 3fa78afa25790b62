import { AppError } from "./error.ts";

/** `account`: change keys, the password, IP ranges and other properties of the user. `admin` includes `account`. */
export const permissions = ["read", "write", "account", "admin"] as const;
export type Permission = (typeof permissions)[number];
export type Role = "admin" | "user";

/** The authenticated caller, and what the credentials allow. */
export interface Caller {
  userId: string;
  permissions: ReadonlySet<Permission>;
  /** The key in use; absent for a token. */
  key?: { id: string; ipRanges: string[] | null; expiresAt: Date | null };
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

/** Throws `forbidden` unless the caller is the owner or an admin. */
export function assertOwner(caller: Caller, ownerId: string): void {
  if (caller.userId === ownerId || isAdmin(caller)) return;
  throw new AppError("forbidden", "the resource belongs to another user");
}
