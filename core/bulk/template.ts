const placeholder = /\{\{\s*([\p{L}\p{N}_.-]{1,64})\s*\}\}/gu;

/**
 * A text with placeholders, parsed once for all recipients. `{{name}}` stands for the variable of that name. Spaces
 * around the name are ignored.
 */
export class Template {
  /** Literal texts and names of variables in turn, starting and ending with a literal text. */
  readonly #parts: readonly string[];
  /** How often each variable occurs, in the order of the first occurrence. */
  readonly #uses = new Map<string, number>();
  readonly #literalBytes: number;

  constructor(text: string) {
    this.#parts = text.split(placeholder);
    let literalBytes = 0;
    for (const [index, part] of this.#parts.entries()) {
      if (index % 2 === 0) literalBytes += Buffer.byteLength(part);
      else this.#uses.set(part, (this.#uses.get(part) ?? 0) + 1);
    }
    this.#literalBytes = literalBytes;
  }

  get placeholders(): number {
    return (this.#parts.length - 1) / 2;
  }

  /** Returns the first variable of the text that has no value. */
  missing(variables: ReadonlyMap<string, string>): string | undefined {
    for (const name of this.#uses.keys()) if (!variables.has(name)) return name;
    return undefined;
  }

  /** Returns the size of the expanded text in bytes of UTF-8, without expanding the text. */
  expandedBytes(variables: ReadonlyMap<string, string>): number {
    let bytes = this.#literalBytes;
    for (const [name, times] of this.#uses) bytes += times * Buffer.byteLength(variables.get(name) ?? "");
    return bytes;
  }

  expand(variables: ReadonlyMap<string, string>): string {
    return this.#parts.map((part, index) => (index % 2 === 0 ? part : (variables.get(part) ?? ""))).join("");
  }
}
