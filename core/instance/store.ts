import { and, desc, eq, getTableColumns, isNull } from "drizzle-orm";
import * as z from "zod";
import type { Clock } from "../clock.ts";
import type { Vault } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { assertOwner, type Caller } from "../user/index.ts";
import { type Instance, sealedPlace } from "./index.ts";
import { instances } from "./instance.sql.ts";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text can be an id of ours: Postgres refuses to compare anything else with one. */
export const isId = (text: string) => uuid.test(text);

/** One that is being deleted is gone for everybody. Throws `instance_not_found`, and `forbidden` for somebody else's. */
export async function loadInstance(db: Database, caller: Caller, id: string): Promise<Instance> {
  // A tagged template, which Postgres prepares once: most requests come through here.
  const [row] = isId(id) ? await db.sql`select * from instances where id = ${id} and deleted_at is null` : [];
  if (!row) throw new AppError("instance_not_found");
  const instance = Object.fromEntries(fields.map(([field, column]) => [field, row[column]])) as Instance;
  // The driver hands 64-bit integers out as text.
  instance.eventSeq = Number(instance.eventSeq);
  assertOwner(caller, instance.userId);
  return instance;
}

/** Names of the fields of `Instance`, with their columns. */
const fields = Object.entries(getTableColumns(instances)).map(([field, column]) => [field, column.name] as const);

/** The user's own, newest first. */
export function listInstances(db: Database, userId: string): Promise<Instance[]> {
  return db.orm
    .select()
    .from(instances)
    .where(and(eq(instances.userId, userId), isNull(instances.deletedAt)))
    .orderBy(desc(instances.createdAt), desc(instances.id));
}

/** All there are, and those that are connected. */
export async function countInstances(db: Database): Promise<{ total: number; active: number }> {
  const [row] = await db.sql<{ total: number; active: number }[]>`
    select count(*)::int as total, (count(*) filter (where status = 'connected'))::int as active
    from instances where deleted_at is null`;
  return row ?? { total: 0, active: 0 };
}

/** One line of text without control characters: they would end up in logs, headers and terminals. */
const line = z.string().regex(/^[^\p{Cc}]*$/u, "must not have control characters");

export const instanceName = line.trim().min(1).max(200);
export const instanceDescription = z
  .string()
  .max(2000)
  .refine((text) => !text.includes("\u0000"), "must not have NUL characters");

/**
 * Where webhooks go. Only the form is checked here: whether the host may be reached is decided at each delivery, on the
 * address that the socket connects to.
 */
export const webhookUrl = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .max(2048)
  .regex(/^[^\s\p{Cc}]*$/u, "must not have spaces or control characters")
  .refine((text) => {
    const url = URL.parse(text);
    return !url?.username && !url?.password;
  }, "must not carry a user name or a password: it is shown in answers and logs");

/** What can be set of the webhooks of an instance. */
export const webhookSettings = z.object({
  notifyReceived: z.boolean().optional(),
  notifySent: z.boolean().optional(),
  notifyDelivery: z.boolean().optional(),
  notifyRead: z.boolean().optional(),
  /** Tries after the first. */
  maxRetries: z.int().min(0).max(50).optional(),
  /** Milliseconds: a second to a day. */
  retryInterval: z.int().min(1000).max(86_400_000).optional(),
});

export const webhookSecret = z.string().min(1).max(512);

export interface InstanceSettings extends z.infer<typeof webhookSettings> {
  name?: string | undefined;
  description?: string | undefined;
  /** Null ends the webhooks. */
  webhookUrl?: string | null | undefined;
  webhookEnabled?: boolean | undefined;
  /** In clear; sealed before it is stored. Null takes it away. */
  webhookSecret?: string | null | undefined;
}

type Columns = Partial<typeof instances.$inferInsert>;

/** The settings as columns; what is undefined is left out, so that it keeps its value or gets the table's default. */
export function settingsColumns(deps: { vault: Vault }, id: string, settings: InstanceSettings): Columns {
  const { webhookSecret: secret, ...plain } = settings;
  const columns = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined)) as Columns;
  if (secret === undefined) return columns;
  const sealed = secret === null ? null : deps.vault.seal(Buffer.from(secret), sealedPlace.webhookSecret(id));
  return { ...columns, webhookSecret: sealed };
}

/**
 * Changes what is given and nothing else. A first webhook URL switches webhooks on, unless the caller says otherwise.
 * Throws `instance_not_found` when it is deleted meanwhile.
 */
export async function updateInstance(
  deps: { db: Database; vault: Vault; clock: Clock },
  instance: Instance,
  settings: InstanceSettings,
): Promise<Instance> {
  const first = settings.webhookUrl && !instance.webhookUrl && settings.webhookEnabled === undefined;
  const columns = settingsColumns(deps, instance.id, first ? { ...settings, webhookEnabled: true } : settings);
  const [updated] = await deps.db.orm
    .update(instances)
    .set({ ...columns, updatedAt: deps.clock.now() })
    .where(and(eq(instances.id, instance.id), isNull(instances.deletedAt)))
    .returning();
  if (!updated) throw new AppError("instance_not_found");
  return updated;
}
