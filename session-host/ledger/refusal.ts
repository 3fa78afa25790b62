import type postgres from "postgres";
import { boundText, maxBytes } from "../../core/bound.ts";
import { sqlState } from "../../core/db/sql-state.ts";
import type { Change, StanzaSource } from "./change.ts";

/** After this many refusals, a stanza is quarantined. The number survives a restart. */
export const maxRefusals = 3;

/**
 * SQLSTATEs that the content of a change causes (PostgreSQL documentation, appendix A): 22 data exception, 23 integrity
 * constraint, 54 program limit exceeded, such as a row that is too long for an index. Not 23503: a foreign key means that
 * the instance was removed. All other classes concern the server, the connection, the schema or the lease.
 */
const refusal = /^(?:22|54|23(?!503))/;

/** Codes of the driver (postgres.js) for values that it can't send. */
const refusedByDriver = new Set(["UNDEFINED_VALUE", "MAX_PARAMETERS_EXCEEDED"]);

/**
 * Returns whether the content of a stanza causes the error, so that another attempt fails in the same way: the database
 * refuses a value, or our own code or Baileys can't read the stanza. An outage of the database is never a refusal.
 */
export function isRefusal(error: unknown): boolean {
  const state = sqlState(error);
  if (state) return refusal.test(state);
  const { code, isBoom, output, data } = error as {
    code?: unknown;
    isBoom?: boolean;
    output?: { statusCode?: number };
    data?: unknown;
  };
  if (typeof code === "string") return refusedByDriver.has(code);
  // Baileys throws a Boom error with status 500 for a stanza that it can't read, and with others for its connection.
  if (isBoom) return output?.statusCode === 500 && !(typeof data === "number" && isTemporary(data));
  return error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
}

/**
 * Whether another attempt at a query may succeed. Baileys throws WhatsApp's response to a query as a Boom error with
 * status 500 and WhatsApp's code as its data (`assertNodeErrorFree` in lib/WABinary/generic-utils.js).
 */
const isTemporary = (code: number): boolean => code === 408 || code === 429 || code >= 500;

export const reasonOf = (error: unknown): string =>
  boundText(error instanceof Error ? `${error.name}: ${error.message}` : String(error), maxBytes.name);

/**
 * Returns the change that quarantines the stanza. It keeps what decryption changed, because Signal can't decrypt the
 * message again, and drops everything that the content of the stanza led to.
 */
export function quarantineOf({ keys, inbox, correlationId }: Change, source: StanzaSource, error: string): Change {
  return {
    ...(keys ? { keys } : {}),
    ...(inbox ? { inbox } : {}),
    correlationId,
    quarantine: [{ ...source, error }],
  };
}

/** Counts a refusal of a stanza. Returns how often it was refused so far. */
export async function countRefusal(
  sql: postgres.ISql,
  instanceId: string,
  { key, kind, id, from }: StanzaSource,
  error: string,
): Promise<number> {
  const [row] = await sql<{ attempts: number }[]>`
    insert into refused_stanzas as r (instance_id, key, kind, stanza_id, sender, attempts, error, first_at, last_at)
    values (${instanceId}, decode(${key}, 'hex'), ${kind}, ${id}, ${from}, 1, ${error}, clock_timestamp(), clock_timestamp())
    on conflict (instance_id, key) do update set attempts = r.attempts + 1, error = excluded.error, last_at = excluded.last_at
    returning attempts`;
  return row?.attempts ?? 1;
}

/** Returns the keys of the instance's stanzas that were refused `maxRefusals` times, with their last errors. */
export async function loadRefused(sql: postgres.ISql, instanceId: string): Promise<Map<string, string>> {
  const rows = await sql<{ key: string; error: string }[]>`
    select encode(key, 'hex') as key, error from refused_stanzas
    where instance_id = ${instanceId} and attempts >= ${maxRefusals}`;
  return new Map(rows.map(({ key, error }) => [key, error]));
}
