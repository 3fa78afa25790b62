import * as z from "zod";
import { boundKey } from "../../bound.ts";
import { readArchive, unusable } from "./archive.ts";
import { checkCredentials, type ImportedCredentials, keyPair, normalized } from "./credentials.ts";
import { type KeyType, partsOf, partsOfEntries, type SessionParts } from "./entries.ts";

/** A checked session, as it is stored until the session host takes it. All bytes have the form of Baileys' `BufferJSON`. */
export interface ImportedSession {
  creds: ImportedCredentials;
  keys: { type: KeyType; id: string; value: unknown }[];
}

const ids: Partial<Record<KeyType, RegExp>> = {
  "pre-key": /^\d{1,8}$/,
  session: /^[\w.@:-]{1,100}$/,
};

const object = z.record(z.string(), z.unknown());
const serialized = z.object({ type: z.literal("Buffer"), data: z.string() });

const values: Record<KeyType, z.ZodType> = {
  "pre-key": keyPair,
  // A record of libsignal.
  session: object.refine((record) => "_sessions" in record, "it is not a record of libsignal"),
  "sender-key": z.union([serialized, object, z.array(object)]),
  "sender-key-memory": object,
  "app-state-sync-key": object.refine(({ keyData }) => Boolean(keyData), "has no key"),
  "app-state-sync-version": object,
  "lid-mapping": z.string().max(100),
  "device-list": z.array(z.string().max(100)).max(1000),
  tctoken: object,
  "identity-key": z.union([serialized, object]),
};

/** A session as a tar archive, or as JSON. `core/session/import/entries.ts` lists the forms. */
export type SessionSource = { archive: Buffer } | { session: unknown };

/**
 * Reads and checks a session from an archive or from JSON. Throws `session_not_usable` with the reason, which contains no
 * keys.
 */
export function readSession(source: SessionSource): ImportedSession {
  const parts = "archive" in source ? partsOfEntries(readArchive(source.archive)) : partsOf(source.session);
  return { creds: checkCredentials(normalized(parts.creds)), keys: parts.keys.flatMap(checkedKey) };
}

function checkedKey({ type, id, value }: SessionParts["keys"][number]): ImportedSession["keys"] {
  // Without their versions, the app state is read again from the beginning. The gateway gets contacts and labels that way.
  if (type === "app-state-sync-version") return [];
  const parsed = values[type].safeParse(normalized(value));
  const problem = (ids[type] ?? /^.{1,300}$/).test(id) ? parsed.error?.issues[0]?.message : "the id is not valid";
  if (problem) throw unusable(`the session has a ${type} that can't be used: ${problem}`);
  return [{ type, id: boundKey(id), value: parsed.data }];
}
