import type { Database } from "../db/index.ts";

/** Returns the id of the user's instance after this one, or of the first one. Null at the end. */
export async function nextInstance(
  { sql }: Database,
  { userId, instanceId }: { userId: string; instanceId: string | null },
): Promise<string | null> {
  const [row] = await sql<{ id: string }[]>`
    select id from instances where user_id = ${userId} ${instanceId ? sql`and id > ${instanceId}` : sql``}
    order by id limit 1`;
  return row?.id ?? null;
}
