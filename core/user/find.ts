import { eq, type InferSelectModel } from "drizzle-orm";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { isUuid } from "../id.ts";
import { users } from "./user.sql.ts";

export type User = InferSelectModel<typeof users>;

export async function findUser(db: Database, userId: string): Promise<User | undefined> {
  const [user] = await db.orm.select().from(users).where(eq(users.id, userId));
  return user;
}

/** Loads a user by an id that may have any form. Throws `user_not_found`. */
export async function loadUser(db: Database, userId: string): Promise<User> {
  const user = isUuid(userId) ? await findUser(db, userId) : undefined;
  if (!user) throw new AppError("user_not_found");
  return user;
}
