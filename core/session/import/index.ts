import * as z from "zod";
import { boundKey } from "../../bound.ts";
import { fingerprintOf } from "../fingerprint.ts";
import { readArchive, unusable } from "./archive.ts";
import { checkCredentials, type ImportedCredentials, normalized, preKey } from "./credentials.ts";
import { type KeyType, partsOf, partsOfEntries, type SessionParts } from "./entries.ts";

/** A checked session, as it is stored until the session host takes it. All bytes have the form of Baileys' `BufferJSON`. */
export interface ImportedSession {
  creds: ImportedCredentials;
  /** The values are JSON, so that the host stores each as it is, and parses only a flat list. */
  keys: { type: KeyType; id: string; json: string }[];
}

/** Returns `instances.device` of a session, which proves that it has the private key of that device. */
export const deviceOf = ({ creds }: ImportedSession): string =>
  fingerprintOf(Buffer.from(creds.signedIdentityKey.public.data, "base64"));

/** Baileys uploads 812 prekeys at first, and a few more whenever WhatsApp has too few (`Defaults/index.js`). */
const maxPreKeys = 2_000;

const ids: Partial<Record<KeyType, RegExp>> = {
  "pre-key": /^\d{1,8}$/,
  session: /^[\w.@:-]{1,100}$/,
};

const object = z.record(z.string(), z.unknown());
const serialized = z.object({ type: z.literal("Buffer"), data: z.string() });

const values: Record<KeyType, z.ZodType> = {
  "pre-key": preKey,
  // A record of libsignal.
  session: z.looseObject({ _sessions: object }),
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
  if (parts.keys.filter(({ type }) => type === "pre-key").length > maxPreKeys)
    throw unusable(`the session has more than ${maxPreKeys} prekeys`);
  return { creds: checkCredentials(normalized(parts.creds)), keys: parts.keys.map(checkedKey) };
}

function checkedKey({ type, id, value }: SessionParts["keys"][number]): ImportedSession["keys"][number] {
  const parsed = values[type].safeParse(normalized(value));
  const problem = (ids[type] ?? /^.{1,300}$/).test(id) ? parsed.error?.issues[0]?.message : "the id is not valid";
  if (problem) throw unusable(`the session has a ${type} that can't be used: ${problem}`);
  return { type, id: boundKey(id), json: JSON.stringify(parsed.data) };
}
