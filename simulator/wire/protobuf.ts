// Reads unencrypted fields of Signal messages, because libsignal does not export its protobuf schema.

/** Returns the fields of a protobuf message by number. Supports varints and byte strings. Throws on malformed input. */
function readFields(data: Buffer): Map<number, number | Buffer> {
  const fields = new Map<number, number | Buffer>();
  let offset = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = data[offset++];
      if (byte === undefined) throw new Error("truncated protobuf");
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error("a protobuf varint is too long");
  };
  while (offset < data.length) {
    const key = varint();
    if ((key & 7) === 0) fields.set(key >>> 3, varint());
    else if ((key & 7) === 2) {
      const length = varint();
      if (offset + length > data.length) throw new Error("truncated protobuf");
      fields.set(key >>> 3, data.subarray(offset, offset + length));
      offset += length;
    } else throw new Error(`protobuf wire type ${key & 7} is not supported`);
  }
  return fields;
}

function buffer(fields: Map<number, number | Buffer>, field: number): Buffer {
  const value = fields.get(field);
  if (!Buffer.isBuffer(value)) throw new Error(`protobuf field ${field} is missing`);
  return value;
}

/** Reads a PreKeySignalMessage: a version byte, then base key (2), identity key (3) and inner message (4). */
export function readPreKeyMessage(ciphertext: Buffer): { baseKey: Buffer; identityKey: Buffer; message: Buffer } {
  const fields = readFields(ciphertext.subarray(1));
  return { baseKey: buffer(fields, 2), identityKey: buffer(fields, 3), message: buffer(fields, 4) };
}

/** Reads the ratchet key (1) of a SignalMessage, which has a version byte before its fields and an 8-byte MAC after them. */
export function readRatchetKey(ciphertext: Buffer): Buffer {
  return buffer(readFields(ciphertext.subarray(1, -8)), 1);
}
