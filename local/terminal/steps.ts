const timeWidth = 8;

/** Formats milliseconds as seconds. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** Prints the steps of a program with their duration. */
export class Steps {
  readonly #out: NodeJS.WriteStream;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
  }

  /** Runs and prints one step. Adds the name of the step to its error, unless `signal` was aborted. */
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
