import type { Change } from "./change.ts";

/** Returns one change with the items of all changes. The changes have only lists. */
export function merged(changes: readonly Change[]): Change {
  const all: Record<string, unknown[]> = {};
  for (const change of changes) {
    for (const [field, items] of Object.entries(change)) {
      if (Array.isArray(items)) all[field] = [...(all[field] ?? []), ...items];
    }
  }
  return all;
}
