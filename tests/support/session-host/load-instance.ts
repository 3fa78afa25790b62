import { eq } from "drizzle-orm";
import type { Database } from "../../../core/db/index.ts";
import type { Instance } from "../../../core/instance/index.ts";
import { instances } from "../../../core/instance/instance.sql.ts";

export async function loadInstance(db: Database, id: string): Promise<Instance> {
  const [row] = await db.orm.select().from(instances).where(eq(instances.id, id));
  if (!row) throw new Error(`there is no instance ${id}`);
  return row;
}
