import type { Vault } from "../../crypto/index.ts";
import { sealedPlace } from "../../crypto/sealed-place.ts";
import type { Database } from "../../db/index.ts";
import type { StoredHeaders } from "../../instance/instance.sql.ts";

/** Encrypts the values of a caller's headers. The names stay readable, because the API shows them. */
export function sealHeaders(vault: Vault, instanceId: string, headers: StoredHeaders): StoredHeaders {
  const seal = (name: string, value: string) =>
    vault.seal(Buffer.from(value), sealedPlace.webhookHeader(instanceId, name)).toString("base64");
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === "string" ? { sealed: seal(name, value) } : value,
    ]),
  );
}

/** Returns the headers to send. Throws if a value can't be decrypted. */
export function openHeaders(vault: Vault, instanceId: string, stored: StoredHeaders): Record<string, string> {
  const open = (name: string, value: StoredHeaders[string]) =>
    typeof value === "string"
      ? value
      : vault.open(Buffer.from(value.sealed, "base64"), sealedPlace.webhookHeader(instanceId, name)).toString();
  return Object.fromEntries(Object.entries(stored).map(([name, value]) => [name, open(name, value)]));
}

/** Whether a value is not encrypted. Version 0.1 stored headers in this way. */
export const hasClearValue = (stored: StoredHeaders) =>
  Object.values(stored).some((value) => typeof value === "string");

/** How many instances are read at once. */
const atOnce = 200;

/** Encrypts the header values that version 0.1 stored, of all instances. Returns the number of changed instances. */
export async function sealAllHeaders(db: Database, vault: Vault): Promise<number> {
  let sealed = 0;
  for (;;) {
    const rows = await db.sql<{ id: string; headers: StoredHeaders }[]>`
      select id, webhook_headers as headers from instances
      where exists (select from jsonb_each(webhook_headers) header where jsonb_typeof(header.value) = 'string')
      limit ${atOnce}`;
    for (const { id, headers } of rows) await sealStored(db, vault, id, headers);
    sealed += rows.length;
    if (rows.length < atOnce) return sealed;
  }
}

/** Encrypts the clear values of an instance's headers. Does nothing if the headers have changed meanwhile. */
export async function sealStored({ sql }: Database, vault: Vault, id: string, stored: StoredHeaders): Promise<void> {
  const sealed = sealHeaders(vault, id, stored);
  await sql`
    update instances set webhook_headers = ${JSON.stringify(sealed)}::text::jsonb
    where id = ${id} and webhook_headers = ${JSON.stringify(stored)}::text::jsonb`;
}
