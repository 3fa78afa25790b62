const timeWidth = 8;

/** Milliseconds as a person reads them. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** Prints what is done as it happens, with the time it took. */
export class Steps {
  readonly #out: NodeJS.WriteStream;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
  }

  /** Throws what `work` throws, with the step's name before it; not when it was only told to stop. */
  async run<Result>(
    name: string,
    signal: AbortSignal,
    work: () => Promise<Result>,
    detail: (result: Result) => string = () => "",
  ): Promise<Result> {
    signal.throwIfAborted();
    const started = performance.now();
    if (this.#out.isTTY) this.#out.write(`  … ${" ".repeat(timeWidth)}  ${name}`);
    try {
      const result = await work();
      this.#line("✓", name, started, detail(result));
      return result;
    } catch (error) {
      if (signal.aborted) throw error;
      this.#line("✗", name, started, "");
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${name}: ${message}`, { cause: error });
    }
  }

  #line(mark: string, name: string, started: number, detail: string): void {
    const erase = this.#out.isTTY ? "\r\u001b[K" : "";
    const time = seconds(performance.now() - started).padStart(timeWidth);
    this.#out.write(`${erase}  ${mark} ${time}  ${name}${detail ? `: ${detail}` : ""}\n`);
  }
}
