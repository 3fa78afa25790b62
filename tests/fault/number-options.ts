import { parseArgs } from "node:util";

/**
 * Reads a command line of numbers and `--help`, and of `--report` if `hasReport`. A number must be positive, or may be 0
 * if its default is 0. Returns undefined if the command line asks for help.
 */
export function readNumberOptions<Numbers extends Readonly<Record<string, number>>>(
  args: string[],
  defaults: Numbers,
  { hasReport = false } = {},
): { numbers: Numbers; report: boolean } | undefined {
  const names = Object.keys(defaults);
  const flags = hasReport ? ["help", "report"] : ["help"];
  const options = [
    ...names.map((name) => [name, { type: "string" }] as const),
    ...flags.map((name) => [name, { type: "boolean" }] as const),
  ];
  const values: Record<string, unknown> = parseArgs({ args, options: Object.fromEntries(options) }).values;
  if (values.help === true) return undefined;
  const numbers = names.map((name) => {
    const value = Number(values[name] ?? defaults[name]);
    if (!(value > 0 || (value === 0 && defaults[name] === 0))) throw new Error(`--${name} must be a positive number`);
    return [name, value];
  });
  return { numbers: Object.fromEntries(numbers) as Numbers, report: values.report === true };
}
