import { countValues, readJson } from "../../json.ts";
import { maxFiles, unusable } from "./archive.ts";

/** The types of Baileys' Signal key store (`SignalDataTypeMap` in its `Types/Auth.d.ts`), longer names first. */
export const keyTypes = [
  "app-state-sync-version",
  "app-state-sync-key",
  "sender-key-memory",
  "identity-key",
  "device-list",
  "lid-mapping",
  "sender-key",
  "pre-key",
  "session",
  "tctoken",
] as const;
export type KeyType = (typeof keyTypes)[number];

/** Without the versions, the app state is read again from the beginning. The gateway gets contacts and labels that way. */
const ignoredTypes: readonly KeyType[] = ["app-state-sync-version"];

/** The parts of a session: its credentials, and its keys by type and id. */
export interface SessionParts {
  creds: unknown;
  keys: { type: KeyType; id: string; value: unknown }[];
}

/** Limits of the JSON texts of a session together, so that reading them doesn't block other requests. */
export const maxValues = 500_000;
export const maxJsonBytes = 16 * 1024 * 1024;

type Entries = Iterable<readonly [name: string, value: unknown]>;
type Properties = Record<string, unknown>;

const isObject = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Returns the parts of a session in one of the forms in which programs export it:
 *
 * - an object with a property for each file or key, named like the files of `useMultiFileAuthState` or like the fields
 *   of a Redis hash, with or without `.json` (bare Baileys, WAHA NOWEB, Evolution API)
 * - an object with `creds` and `keys`, where `keys` has an object for each type
 * - rows of a database: `id` or `key`, and `data` or `value` (baileys-api, WAHA with Postgres), or `creds` (Evolution API)
 *
 * Values are JSON, or texts with JSON. Throws `session_not_usable`.
 */
export function partsOf(session: unknown): SessionParts {
  if (Array.isArray(session)) return partsOfEntries(session.map(entryOfRow));
  if (!isObject(session)) throw unusable("the session must be an object or a list of rows");
  const { creds, keys } = session;
  if (creds !== undefined && isObject(keys)) {
    const decoded = createDecoder();
    return { creds: decoded(creds), keys: [...nestedKeys(keys, decoded)] };
  }
  return partsOfEntries(Object.entries(session));
}

export function partsOfEntries(entries: Entries): SessionParts {
  const decoded = createDecoder();
  let creds: unknown;
  const keys = new Map<string, SessionParts["keys"][number]>();
  let count = 0;
  for (const [name, value] of entries) {
    if (++count > maxFiles) throw unusable(`the session has more than ${maxFiles} files`);
    const bare = name.replace(/\.json$/, "");
    if (bare === "creds") {
      if (creds !== undefined) throw unusable("the session has two sets of credentials");
      creds = decoded(value);
      continue;
    }
    const type = keyTypes.find((one) => bare.startsWith(`${one}-`));
    if (!type || ignoredTypes.includes(type)) continue;
    const id = idOf(type, bare.slice(type.length + 1));
    if (keys.has(`${type} ${id}`)) throw unusable(`the session has the key ${bare} twice`);
    keys.set(`${type} ${id}`, { type, id, value: decoded(value) });
  }
  if (creds === undefined) throw unusable("the session has no creds.json");
  return { creds, keys: [...keys.values()] };
}

function* nestedKeys(keys: Properties, decoded: Decoder): Iterable<SessionParts["keys"][number]> {
  let count = 0;
  for (const type of keyTypes) {
    const ofType = keys[type];
    if (!isObject(ofType) || ignoredTypes.includes(type)) continue;
    for (const [id, value] of Object.entries(ofType)) {
      if (++count > maxFiles) throw unusable(`the session has more than ${maxFiles} keys`);
      if (value !== null) yield { type, id, value: decoded(value) };
    }
  }
}

function entryOfRow(row: unknown): readonly [string, unknown] {
  if (!isObject(row)) throw unusable("each row of the session must be an object");
  if ("creds" in row) return ["creds", row.creds];
  const name = row.key ?? row.id;
  if (typeof name !== "string") throw unusable("each row of the session must have an id or a key");
  return [name, row.value ?? row.data];
}

/**
 * Returns the id of a key from its file name. `useMultiFileAuthState` replaces `/` with `__` and `:` with `-`. Colons
 * are only in the ids of sender keys: `<group>::<sender>::<device>`. The ids of app-state keys are Base64. Evolution
 * API's Redis hash has ids unchanged.
 */
function idOf(type: KeyType, name: string): string {
  if (type === "sender-key" && name.includes("::")) return name;
  if (type === "sender-key") {
    const parts = name.split("--");
    return [parts.slice(0, -2).join("--"), ...parts.slice(-2)].join("::");
  }
  return type === "app-state-sync-key" ? name.replaceAll("__", "/") : name;
}

type Decoder = (value: unknown) => unknown;

/**
 * Returns a function that parses texts with JSON, of one session. Evolution API encodes its credentials twice. Throws
 * `session_not_usable` if all texts together are too large.
 */
function createDecoder(): Decoder {
  let bytes = 0;
  let values = 0;
  return (value) => {
    for (let times = 0; times < 2 && typeof value === "string" && /^\s*["{[]/.test(value); times++) {
      bytes += value.length;
      if (bytes > maxJsonBytes) throw unusable(`the session has more than ${maxJsonBytes} bytes of JSON`);
      values += countValues(value);
      if (values > maxValues) throw unusable(`the session has more than ${maxValues} values`);
      const parsed = readJson(value, "file");
      if (parsed.error) throw unusable(`the session contains a file that can't be read: ${parsed.error.message}`);
      value = parsed.value;
    }
    return value;
  };
}
