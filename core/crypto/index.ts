import { createCipheriv, createDecipheriv, createHash, createSecretKey, randomBytes } from "node:crypto";
import type { Database } from "../db/index.ts";

/**
 * Envelope encryption. The database stores the wrapped data keys. The master key that wraps them is in KMS or in a key
 * file, and never in the database.
 *
 * A ciphertext consists of: format version 1 (1 byte), id of the data key (4 bytes, big endian), nonce (12),
 * AES-256-GCM ciphertext, tag (16). The additional data is the place where it is stored (`sealedPlace`), so a
 * ciphertext that is moved to another row or column does not decrypt.
 */
export interface Vault {
  seal(plaintext: Uint8Array, place: string): Buffer;
  /** Throws if the ciphertext was altered, belongs to another place, or names an unknown data key. */
  open(ciphertext: Uint8Array, place: string): Buffer;
}

/** Wraps and unwraps data keys. Nothing else uses the master key. */
export interface KeyWrapper {
  readonly name: string;
  wrap(dataKey: Buffer): Promise<Buffer>;
  unwrap(wrapped: Buffer): Promise<Buffer>;
}

const version = 1;
const headerBytes = 5;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Loads all data keys, and creates the first data key if none exists. The newest data key encrypts. A process loads
 * keys that another process creates later only after a restart.
 */
export async function openVault(db: Database, wrapper: KeyWrapper): Promise<Vault> {
  let rows = await loadKeys(db);
  if (rows.length === 0) {
    const wrapped = await wrapper.wrap(randomBytes(32));
    await db.sql.begin(async (tx) => {
      await tx`lock table data_keys in exclusive mode`;
      await tx`insert into data_keys (wrapped_by, wrapped) select ${wrapper.name}, ${wrapped} where not exists (select 1 from data_keys)`;
    });
    rows = await loadKeys(db);
  }
  const keys = new Map<number, Buffer>();
  for (const row of rows) keys.set(row.id, await wrapper.unwrap(row.wrapped));
  return createVault(keys, Math.max(...keys.keys()));
}

function loadKeys(db: Database): Promise<{ id: number; wrapped: Buffer }[]> {
  return db.sql<{ id: number; wrapped: Buffer }[]>`select id, wrapped from data_keys order by id`;
}

export function createVault(keys: ReadonlyMap<number, Buffer>, currentId: number): Vault {
  const objects = new Map([...keys].map(([id, key]) => [id, createSecretKey(key)]));
  const currentKey = objects.get(currentId);
  if (!currentKey) throw new Error(`data key ${currentId} is not known`);
  return {
    seal(plaintext, place) {
      const header = Buffer.alloc(headerBytes);
      header.writeUInt8(version, 0);
      header.writeUInt32BE(currentId, 1);
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", currentKey, nonce).setAAD(additionalData(header, place));
      return Buffer.concat([header, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    },
    open(ciphertext, place) {
      const bytes = Buffer.from(ciphertext.buffer, ciphertext.byteOffset, ciphertext.byteLength);
      if (bytes.length < headerBytes + nonceBytes + tagBytes || bytes.readUInt8(0) !== version) {
        throw new Error("not a ciphertext of a known version");
      }
      const header = bytes.subarray(0, headerBytes);
      const key = objects.get(header.readUInt32BE(1));
      if (!key) throw new Error(`data key ${header.readUInt32BE(1)} is not known`);
      const nonce = bytes.subarray(headerBytes, headerBytes + nonceBytes);
      const decipher = createDecipheriv("aes-256-gcm", key, nonce).setAAD(additionalData(header, place));
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      return Buffer.concat([decipher.update(bytes.subarray(headerBytes + nonceBytes, -tagBytes)), decipher.final()]);
    },
  };
}

/** Stands in for the vault in code that must not use secrets. Both methods throw. */
export const closedVault: Vault = {
  seal: () => failClosed(),
  open: () => failClosed(),
};

function failClosed(): never {
  throw new Error("the vault is closed: an endpoint must declare that it uses secrets");
}

function additionalData(header: Buffer, place: string): Buffer {
  return Buffer.concat([header, Buffer.from(place)]);
}

export function sha256(data: Uint8Array | string): Buffer {
  return createHash("sha256").update(data).digest();
}
