import { fstatSync, readSync } from "node:fs";

/** The bytes are not the protobuf that they claim to be. */
export class MalformedHistory extends Error {
  override readonly name = "MalformedHistory";
}

/** A field of a protobuf in a file. The value of a length-delimited field is between `start` and `end`. */
export interface Field {
  number: number;
  /** Where the field begins, with its tag. */
  at: number;
  start: number;
  end: number;
  /** The value of a varint field, exact up to 2^53. Otherwise 0. */
  value: number;
}

const windowBytes = 64 * 1024;

/** Reads a file through a window, so that the memory doesn't grow with the file. */
export class ProtobufFile {
  readonly size: number;
  readonly #fd: number;
  readonly #window = Buffer.alloc(windowBytes);
  #from = 0;
  #length = 0;

  constructor(fd: number) {
    this.#fd = fd;
    this.size = fstatSync(fd).size;
  }

  /** Returns a copy of the bytes. */
  bytes(start: number, end: number): Buffer {
    const copy = Buffer.alloc(end - start);
    if (readSync(this.#fd, copy, 0, copy.length, start) < copy.length)
      throw new MalformedHistory("the file ends early");
    return copy;
  }

  /** Yields the fields between two offsets. Throws `MalformedHistory`. */
  *fields(from: number, to: number): Generator<Field> {
    for (let at = from; at < to; ) {
      const tag = this.#varint(at, to);
      const wire = tag.value % 8;
      const field = { number: Math.floor(tag.value / 8), at, start: tag.end, end: tag.end, value: 0 };
      if (wire === 0) Object.assign(field, this.#varint(tag.end, to));
      else if (wire === 1) field.end += 8;
      else if (wire === 5) field.end += 4;
      else if (wire === 2) {
        const length = this.#varint(tag.end, to);
        field.start = length.end;
        field.end = length.end + length.value;
      } else throw new MalformedHistory(`a field has the unknown wire type ${wire}`);
      if (field.end > to) throw new MalformedHistory("a field ends after its message");
      yield field;
      at = field.end;
    }
  }

  #varint(at: number, to: number): { value: number; end: number } {
    let value = 0;
    for (let index = 0; index < 10; index++) {
      if (at + index >= to) throw new MalformedHistory("a number ends after its message");
      const byte = this.#byte(at + index);
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return { value, end: at + index + 1 };
    }
    throw new MalformedHistory("a number is too long");
  }

  #byte(at: number): number {
    if (at < this.#from || at >= this.#from + this.#length) {
      this.#from = at;
      this.#length = readSync(this.#fd, this.#window, 0, windowBytes, at);
      if (this.#length === 0) throw new MalformedHistory("the file ends early");
    }
    return this.#window[at - this.#from] ?? 0;
  }
}
