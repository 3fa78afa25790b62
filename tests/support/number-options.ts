import { parseArgs } from "node:util";

interface More<Texts extends Readonly<Record<string, string>>> {
  /** Whether there is `--report`. */
  hasReport?: boolean;
  /** Options with a text, and their defaults. */
  texts?: Texts;
}

/**
 * Reads a command line of numbers, texts and `--help`, and of `--report` if `hasReport`. A number must be positive, or may
 * be 0 if its default is 0. Returns undefined if the command line asks for help.
 */
export function readNumberOptions<
  Numbers extends Readonly<Record<string, number>>,
  Texts extends Readonly<Record<string, string>> = Record<never, string>,
>(
  args: string[],
  defaults: Numbers,
  { hasReport = false, texts }: More<Texts> = {},
): { numbers: Numbers; texts: Texts; report: boolean } | undefined {
  const names = Object.keys(defaults);
  const textDefaults: Readonly<Record<string, string>> = texts ?? {};
  const flags = hasReport ? ["help", "report"] : ["help"];
  const options = [
    ...[...names, ...Object.keys(textDefaults)].map((name) => [name, { type: "string" }] as const),
    ...flags.map((name) => [name, { type: "boolean" }] as const),
  ];
  const values: Record<string, unknown> = parseArgs({ args, options: Object.fromEntries(options) }).values;
  if (values.help === true) return undefined;
  const numbers = names.map((name) => {
    const value = Number(values[name] ?? defaults[name]);
    if (!(value > 0 || (value === 0 && defaults[name] === 0))) throw new Error(`--${name} must be a positive number`);
    return [name, value];
  });
  const given = Object.entries(textDefaults).map(([name, value]) => [name, values[name] ?? value]);
  return {
    numbers: Object.fromEntries(numbers) as Numbers,
    texts: Object.fromEntries(given) as Texts,
    report: values.report === true,
  };
}
