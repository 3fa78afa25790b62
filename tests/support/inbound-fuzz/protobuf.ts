import { type Choose, oddBytes } from "./values.ts";

/** A field of an encoded protobuf. A field with a length has bytes, or fields if the bytes look like a message. */
interface Field {
  number: number;
  wire: 0 | 1 | 2 | 5;
  value: bigint | Buffer | Field[];
}

/**
 * Returns an encoded protobuf with one to three mutations: missing, repeated and unknown fields, other types, odd texts
 * and numbers, deep nesting, and damaged bytes.
 */
export function mutateProtobuf(encoded: Buffer, choose: Choose): Buffer {
  if (choose.chance(0.1)) return damage(encoded, choose);
  const fields = parse(encoded) ?? [];
  for (let rounds = choose.upTo(3) + 1; rounds > 0; rounds--) mutateFields(fields, choose);
  return serialize(fields);
}

function mutateFields(fields: Field[], choose: Choose): void {
  const index = choose.upTo(Math.max(1, fields.length));
  const field = fields[index];
  if (!field) {
    fields.push(randomField(choose));
    return;
  }
  // Most mutations are inside of a message.
  if (Array.isArray(field.value) && field.value.length > 0 && choose.chance(0.75)) {
    mutateFields(field.value, choose);
    return;
  }
  choose.one<() => unknown>([
    () => fields.splice(index, 1),
    () => fields.push(...Array<Field>(choose.one([1, 2, 30, 1_500])).fill(field)),
    () => Object.assign(field, { wire: 2, value: oddBytes(choose) }),
    () => Object.assign(field, { wire: 2, value: oddBytes(choose) }),
    () => Object.assign(field, { wire: 0, value: oddNumber(choose) }),
    () => Object.assign(field, { wire: choose.one([1, 5]), value: BigInt(choose.upTo(2 ** 31)) }),
    () => Object.assign(field, { number: choose.one([1, choose.upTo(130) + 1, 536_870_911]) }),
    () => fields.splice(index, 1, nested(field, choose.one([3, 60, 150, 2_000]))),
    () => fields.push(randomField(choose)),
  ])();
}

const oddNumber = (choose: Choose): bigint =>
  choose.one([
    0n,
    1n,
    2n ** 31n - 1n,
    2n ** 32n - 1n,
    2n ** 53n,
    2n ** 63n,
    2n ** 64n - 1n,
    BigInt(choose.upTo(1_000)),
  ]);

const randomField = (choose: Choose): Field =>
  choose.chance(0.5)
    ? { number: choose.upTo(130) + 1, wire: 2, value: oddBytes(choose) }
    : { number: choose.upTo(130) + 1, wire: 0, value: oddNumber(choose) };

function nested(field: Field, depth: number): Field {
  let bytes = serialize([field]);
  const tag = varintOf((BigInt(field.number) << 3n) | 2n);
  for (let level = 0; level < depth; level++) bytes = Buffer.concat([tag, varintOf(BigInt(bytes.length)), bytes]);
  return { number: field.number, wire: 2, value: bytes };
}

/** Cuts, extends or flips bytes. */
export function damage(bytes: Buffer, choose: Choose): Buffer {
  if (choose.chance(0.4)) return bytes.subarray(0, choose.upTo(bytes.length + 1));
  if (choose.chance(0.2)) return Buffer.concat([bytes, oddBytes(choose)]);
  const copy = Buffer.from(bytes);
  for (let flips = choose.upTo(4) + 1; flips > 0 && copy.length > 0; flips--)
    copy[choose.upTo(copy.length)] = choose.upTo(256);
  return copy;
}

/** Returns undefined if the bytes are not an encoded protobuf. */
function parse(bytes: Buffer, depth = 0): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    for (let value = 0n, shift = 0n; at < bytes.length && shift < 70n; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag >> 3n === 0n || tag > 2n ** 32n) return undefined;
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    if (wire === 0) {
      const value = varint();
      if (value === undefined) return undefined;
      fields.push({ number, wire, value });
    } else if (wire === 2) {
      const length = Number(varint() ?? Number.POSITIVE_INFINITY);
      if (at + length > bytes.length) return undefined;
      const part = bytes.subarray(at, at + length);
      at += length;
      const inner = length > 1 && depth < 20 ? parse(part, depth + 1) : undefined;
      fields.push({ number, wire, value: inner ?? Buffer.from(part) });
    } else if (wire === 1 || wire === 5) {
      const length = wire === 1 ? 8 : 4;
      if (at + length > bytes.length) return undefined;
      fields.push({ number, wire, value: wire === 1 ? bytes.readBigUInt64LE(at) : BigInt(bytes.readUInt32LE(at)) });
      at += length;
    } else return undefined;
  }
  return fields;
}

function serialize(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ number, wire, value }) => {
      const tag = varintOf((BigInt(number) << 3n) | BigInt(wire));
      if (wire === 0) return [tag, varintOf(value as bigint)];
      if (wire === 2) {
        const bytes = Array.isArray(value) ? serialize(value) : (value as Buffer);
        return [tag, varintOf(BigInt(bytes.length)), bytes];
      }
      const fixed = Buffer.alloc(8);
      fixed.writeBigUInt64LE(BigInt.asUintN(64, value as bigint));
      return [tag, fixed.subarray(0, wire === 1 ? 8 : 4)];
    }),
  );
}

function varintOf(value: bigint): Buffer {
  const bytes = [];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}
