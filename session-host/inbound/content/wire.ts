/**
 * A field of an encoded protobuf message. `bytes` is the value of a string, of bytes, or of a message. A group, the old
 * form of a message, has none.
 */
export interface WireField {
  number: number;
  bytes: Uint8Array | undefined;
}

/**
 * Returns the fields of an encoded protobuf message, which Baileys' decoder drops if it does not know them. Stops at the
 * first field that is not valid.
 */
export function wireFields(encoded: Uint8Array): WireField[] {
  const fields: WireField[] = [];
  let at = 0;
  while (at < encoded.length) {
    const tag = varint(encoded, at);
    if (!tag) break;
    const number = Math.floor(tag.value / 8);
    const field = valueAt(encoded, tag.end, tag.value % 8);
    if (!field || number === 0) break;
    fields.push({ number, bytes: field.bytes });
    at = field.end;
  }
  return fields;
}

function valueAt(encoded: Uint8Array, at: number, wireType: number): { end: number; bytes?: Uint8Array } | undefined {
  if (wireType === 2) {
    const length = varint(encoded, at);
    const end = length && length.end + length.value;
    return end === undefined || end > encoded.length ? undefined : { end, bytes: encoded.subarray(length?.end, end) };
  }
  if (wireType === 3) return endOfGroup(encoded, at);
  const end = wireType === 0 ? varint(encoded, at)?.end : wireType === 1 ? at + 8 : wireType === 5 ? at + 4 : undefined;
  return end === undefined || end > encoded.length ? undefined : { end };
}

/** Skips a group with the groups in it. A loop, because a stranger chooses how deep they are nested. */
function endOfGroup(encoded: Uint8Array, from: number): { end: number } | undefined {
  let at = from;
  for (let open = 1; open > 0; ) {
    const tag = varint(encoded, at);
    if (!tag) return undefined;
    const wireType = tag.value % 8;
    const isEdge = wireType === 3 || wireType === 4;
    const end = isEdge ? tag.end : valueAt(encoded, tag.end, wireType)?.end;
    if (end === undefined) return undefined;
    if (isEdge) open += wireType === 3 ? 1 : -1;
    at = end;
  }
  return { end: at };
}

function varint(encoded: Uint8Array, from: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let index = 0; index < 10; index++) {
    const byte = encoded[from + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: from + index + 1 };
  }
  return undefined;
}
